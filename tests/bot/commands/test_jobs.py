from __future__ import annotations

from typing import Any

import discord
import pytest

from bot.domain.model import CellRef, JobState, Preferences
from engine.events import Queued
from tests.bot.world import World, eventually, labels


async def test_the_queue_shows_others_without_their_words(world: World) -> None:
    empty = await world.ada.slash(world.channel, "queue")
    assert empty.response is not None and "Nothing is waiting" in empty.response.content
    world.job_service.gate.clear()
    await world.ada.slash(world.channel, "imagine", prompt="a secret fox")

    mine = await world.ada.slash(world.channel, "queue")
    theirs = await world.bo.slash(world.channel, "queue")

    assert mine.response is not None and mine.response.ephemeral and "a secret fox" in mine.response.content
    assert theirs.response is not None and "secret" not in theirs.response.content
    assert "job0000001" in mine.response.content and "job0000001" not in theirs.response.content
    assert f"<@{world.ada.id}>" in theirs.response.content


async def test_the_queue_says_how_far_and_why(world: World) -> None:
    world.job_service.gate.clear()
    world.job_service.script = (Queued(position=3, eta_s=40, reason="they asked less today"),)
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await eventually(lambda: "3 ahead" in world.messages[-1].content)
    mine = await world.ada.slash(world.channel, "queue")
    theirs = await world.bo.slash(world.channel, "queue")
    assert mine.response is not None and "3 ahead of you, about 40 s (they asked less today)" in mine.response.content
    assert theirs.response is not None and "queued" in theirs.response.content and "you" not in theirs.response.content


async def test_a_lineage_is_found_by_its_words(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="an owl")
    [choice] = await world.ada.autocomplete(world.channel, "lineage", "job", "owl")
    assert choice["value"] == "job0000001"


async def test_cancel_takes_the_newest_and_completes_ids(world: World) -> None:
    nothing = await world.ada.slash(world.channel, "cancel")
    assert nothing.response is not None and nothing.response.ephemeral
    assert nothing.response.content == "Nothing of yours is waiting or running."
    world.job_service.gate.clear()
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.ada.slash(world.channel, "imagine", prompt="an owl")

    [choice] = await world.ada.autocomplete(world.channel, "cancel", "job", "owl")
    assert choice["value"] == "job0000002"
    await world.ada.slash(world.channel, "cancel")

    assert world.jobs.jobs["job0000002"].state is JobState.CANCELLED
    await eventually(lambda: "Cancelled" in world.messages[1].content)
    foreign = await world.bo.slash(world.channel, "cancel", job="job0000001")
    assert foreign.response is not None and world.jobs.jobs["job0000001"].state is JobState.QUEUED
    assert "do not have that picture" in foreign.response.content  # whoever guesses an id learns nothing of it


async def test_where_no_file_may_be_sent_the_words_are(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    await world.members.favour(world.ada.id, CellRef(job_id="job0000001", cell=0))
    read = discord.Interaction.__init__

    def small(self: Any, *, data: Any, state: Any) -> None:
        read(self, data={**data, "attachment_size_limit": 0}, state=state)

    monkeypatch.setattr(discord.Interaction, "__init__", small)
    for name in ("info me", "info favourites"):
        said = await world.ada.slash(world.channel, name)
        assert said.response is not None and "job0000001" in said.response.content and not said.response.attachments
    for name, options in (("imagine", {"prompt": "an owl"}), ("show", {"job": "job0000001"})):
        said = await world.ada.slash(world.channel, name, **options)
        assert said.response is not None and "only 0.0 MB" in said.response.content


async def test_show_posts_a_job_again_with_live_buttons(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    world.env.backend.delete_message(world.channel.id, world.messages[-1].id)

    shown = await world.ada.slash(world.channel, "show", job="job0000001")

    assert shown.response is not None and shown.response.attachments and "U1" in labels(shown.response.message)
    assert await world.jobs.at_message(shown.response.id) == (world.jobs.jobs["job0000001"], None)
    unknown = await world.ada.slash(world.channel, "show", job="nothing")
    assert unknown.response is not None and unknown.response.ephemeral


async def test_show_respects_consent(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    await world.members.prefer(world.ada.id, Preferences(share="me"))
    refused = await world.bo.slash(world.channel, "show", job="job0000001")
    assert refused.response is not None and refused.response.ephemeral and not refused.response.attachments


async def test_info_lists_jobs_and_favourites(world: World) -> None:
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()
    await world.members.favour(world.ada.id, CellRef(job_id="job0000001", cell=0))
    await world.members.favour(world.ada.id, CellRef(job_id="job0000001", cell=2))

    info = await world.ada.slash(world.channel, "info me")
    sheet = await world.ada.slash(world.channel, "info favourites")
    none = await world.bo.slash(world.channel, "info favourites")

    assert info.response is not None and "a fox" in info.response.content and info.response.ephemeral
    assert sheet.response is not None and sheet.response.attachments[0].filename.endswith(".webp")
    assert "2 favourite" in (sheet.response.attachments[0].description or "")
    assert none.response is not None and "⭐" in none.response.content


async def test_commands_work_in_direct_messages(world: World) -> None:
    channel = world.ada.user.dm_channel
    await world.ada.user.slash("imagine", prompt="a fox")
    await world.job_service.done()
    [message] = channel.history()
    assert "U1" in labels(message) and world.jobs.jobs["job0000001"].guild_id is None
