"""Deleted means gone: the messages and the pictures; what others made of them stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.model import JobState
from tests.bot.court import Court, said
from tests.bot.world import eventually


def pictures(court: Court) -> list[Path]:
    return [path for path in (court.folder / "pictures").rglob("*") if path.is_file()]


async def test_the_cross_deletes_pictures_and_all_their_messages(court: Court) -> None:
    job = await court.imagine(court.ada)
    grid = court.messages[-1]
    await court.bo.click(grid, label="U2")
    await court.bo.click(grid, label="V1")
    child = await court.draw()
    assert len(court.messages) == 3 and len(pictures(court)) == 8
    await court.bo.react(grid, "❌")  # not theirs
    assert len(pictures(court)) == 8
    await court.ada.react(grid, "❌")
    await eventually(lambda: len(court.messages) == 1)
    await eventually(lambda: len(pictures(court)) == 4)
    kept = await court.jobs.get(job.id)
    assert kept.state is JobState.DELIVERED and not await court.jobs.cells(job.id)
    assert "do not have that picture" in await court.say(court.ada, "show", job=job.id)
    tree = await court.bo.slash(court.channel, "lineage", job=child.id)
    assert tree.response is not None and "by ada" in str(tree.response.message.attachments[0].description)
    again = await court.bo.click(court.messages[0], label="V1")
    assert again.response is not None and not again.response.ephemeral  # the child's own pictures are there


async def test_the_cross_on_one_picture_takes_its_message_only(court: Court) -> None:
    await court.imagine(court.ada)
    post = (await court.ada.click(court.messages[-1], label="U2")).response
    assert post is not None
    await court.ada.react(post, "❌")
    assert len(court.messages) == 1 and len(pictures(court)) == 4


async def test_a_moderators_cross_is_logged(court: Court) -> None:
    job = await court.imagine(court.ada)
    await court.mo.react(court.messages[-1], "❌")
    await eventually(lambda: not pictures(court))
    entry = await court.newest()
    assert (entry.actor_id, entry.action, entry.subject) == (
        court.mo.id,
        "delete",
        f"job {job.id} of <@{court.ada.id}>",
    )


async def test_what_came_of_a_deleted_result_stands(court: Court) -> None:
    job = await court.imagine(court.ada)
    await court.bo.click(court.messages[-1], label="V1")
    child = await court.draw()
    assert "1 deleted" in await court.say(court.mo, "mod delete", job=job.id)
    assert len(court.messages) == 1 and len(pictures(court)) == 4
    tree = await court.bo.slash(court.channel, "lineage", job=child.id)
    assert tree.response is not None and tree.response.message.attachments
    shown = await court.bo.slash(court.channel, "show", job=child.id)
    assert shown.response is not None and shown.response.message.attachments
    assert "do not have that picture" in said(await court.bo.slash(court.channel, "lineage", job=job.id))


@pytest.mark.parametrize("status", [503, 429])
async def test_it_goes_also_over_a_bad_line(court: Court, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setattr("bot.ui.message_changes._pause_s", lambda _: 0.0)
    await court.imagine(court.ada)
    court.env.inject_error("DELETE", "/channels/*/messages/*", status=status, times=2)

    await court.say(court.ada, "privacy delete", confirm="delete everything")

    assert not court.messages


async def test_hidden_is_hidden_also_over_a_bad_line(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.ui.message_changes._pause_s", lambda _: 0.0)
    job = await court.imagine(court.ada)
    court.env.inject_error("PATCH", "/channels/*/messages/*", status=503, times=2)

    await court.say(court.mo, "mod quarantine add", job=job.id)

    assert not court.messages[-1].attachments
