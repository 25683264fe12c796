"""What the picture check flags is seen nowhere: not while it is drawn, not elsewhere, not after a moderator said no."""

from __future__ import annotations

import asyncio
import io
import zipfile
from pathlib import Path
from typing import Any

import discord
from PIL import Image

from bot.domain.model import Job, JobState
from bot.ui.content.custom_ids import Act, ButtonId
from tests.bot.court import Court, said


async def test_previews_are_judged_by_the_policy_of_the_channel(court: Court) -> None:
    async def limit() -> float | None:
        await court.ada.slash(court.channel, "imagine", prompt="a red fox")
        stream = await court.engine.stream(court.drawn)
        await court.draw()
        return stream.request.preview_limit

    assert await limit() == 0.4  # half of the threshold, by default
    await court.say(court.mo, "mod picture", policy="spoiler", threshold=0.6)
    assert await limit() == 0.3
    await court.say(court.mo, "mod picture", policy="off")
    assert await limit() is None
    court.mark_age_restricted(court.channel)
    await court.say(court.mo, "mod picture", policy="review", where="age-restricted channels")
    assert await limit() == 0.3


async def waiting(court: Court) -> tuple[Job, Any]:
    """A flagged picture of ada's in review, and the message that asks moderators about it."""
    room = court.guild.create_text_channel("review")
    await court.say(court.mo, "mod review on", channel=room)
    job = await court.imagine(court.ada, score=0.9)
    return job, room.history()[0]


def pictures(court: Court) -> list[Path]:
    return [path for path in (court.folder / "pictures").rglob("*") if path.is_file()]


async def test_nobody_shows_varies_or_exports_what_waits_for_review(court: Court) -> None:
    job, _ = await waiting(court)
    press = discord.ui.Button(custom_id=str(ButtonId(Act.SHOW, job.id, 0)), label="U1")
    for actor in (court.ada, court.bo):
        assert "do not have that picture" in await court.say(actor, "show", job=job.id)
        assert "do not have that picture" in said(await forged(court, actor, press))
    vary = discord.ui.Button(custom_id=str(ButtonId(Act.VARY, job.id, 0)), label="V1")
    assert "not shown to anybody" in said(await forged(court, court.ada, vary))
    assert not await exported(court)


async def exported(court: Court) -> list[str]:
    """The names of the pictures in ada's export."""
    asked = await court.ada.slash(court.channel, "privacy export")
    assert asked.response is not None
    content = await asked.response.message.attachments[0].read()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [name for name in archive.namelist() if name.startswith("pictures/")]


async def forged(court: Court, actor: Any, button: discord.ui.Button[Any]) -> Any:
    """Press a button that the bot never showed."""
    view = discord.ui.View(timeout=None)
    view.add_item(button)
    channel = court.client.get_channel(court.channel.id)
    assert isinstance(channel, discord.TextChannel)
    message = await asyncio.create_task(channel.send("here", view=view), context=court.context)
    return await actor.click(court.message(message.id), label=button.label)


async def test_nothing_is_kept_of_what_a_moderator_rejected(court: Court) -> None:
    job, asked = await waiting(court)
    assert pictures(court)
    await court.mo.click(asked, label="Reject")
    assert not pictures(court) and not await court.jobs.cells(job.id)
    assert not await exported(court)


async def test_elsewhere_the_rules_of_elsewhere_hold(court: Court) -> None:
    attic = court.guild.create_text_channel("attic")
    court.mark_age_restricted(attic)
    await court.ada.slash(attic, "imagine", prompt="a nude by an old master")
    job = await court.draw(score=0.95)
    assert job.state is JobState.DELIVERED and not job.spoiler
    assert f"only shown in <#{attic.id}>" in await court.say(court.ada, "show", job=job.id)
    again = await court.ada.slash(attic, "show", job=job.id)
    assert again.response is not None and again.response.message.attachments
    # The direct message goes where the host's rules hold, the family tree where it is asked for.
    await court.bo.react(attic.history()[0], "✉️")
    assert not court.bo.user.dm_channel.history() and f"only shown in <#{attic.id}>" in attic.history()[-1].content
    tree = await court.ada.slash(court.channel, "lineage", job=job.id)
    assert tree.response is not None
    assert not await is_colourful(tree.response.message.attachments[0])
    there = await court.ada.slash(attic, "lineage", job=job.id)
    assert there.response is not None and await is_colourful(there.response.message.attachments[0])
    await court.say(court.mo, "mod picture", policy="spoiler")
    hidden = await court.ada.slash(court.channel, "show", job=job.id)
    assert hidden.response is not None and hidden.response.message.attachments[0].is_spoiler()


async def is_colourful(attachment: discord.Attachment) -> bool:
    """Whether there is a picture in the family tree, whose lines and letters are grey."""
    tree = Image.open(io.BytesIO(await attachment.read())).convert("HSV")
    return tree.getextrema()[1][1] > 128


async def test_favourites_leave_out_what_may_not_be_shown_here(court: Court) -> None:
    attic = court.guild.create_text_channel("attic")
    court.mark_age_restricted(attic)
    await court.ada.slash(attic, "imagine", prompt="a nude by an old master")
    await court.draw(score=0.95)
    await court.bo.react(attic.history()[0], "⭐")
    await court.bo.click(attic.history()[-1], label="All")
    assert "None yet" in await court.say(court.bo, "info favourites")
    there = await court.bo.slash(attic, "info favourites")
    assert there.response is not None and there.response.message.attachments
