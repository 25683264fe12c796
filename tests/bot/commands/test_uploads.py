"""An upload is its uploader's, whoever makes something of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.domain.model import Job
from tests.bot.archives import exported
from tests.bot.court import Court, said
from tests.bot.scripted import png


def uploads(court: Court) -> list[Path]:
    return [path for path in (court.folder / "pictures" / "uploads").rglob("*") if path.is_file()]


async def from_a_photo(court: Court) -> Job:
    await court.ada.slash(court.channel, "imagine", prompt="as a painting", image=("me.png", png("red")))
    return await court.draw()


async def drawn_again(court: Court, actor: Any, job: Job) -> Job:
    pressed = await actor.click(court.messages[-1], custom_id=f"dr:r:{job.id}:0")
    assert pressed.response is not None and not pressed.response.ephemeral
    return await court.draw()


async def test_who_draws_a_photo_again_does_not_get_the_photo(court: Court) -> None:
    job = await from_a_photo(court)
    await drawn_again(court, court.bo, job)
    names, rows = await exported(court, court.bo)
    assert names == [] and rows["uploads"] == []
    names, rows = await exported(court, court.ada)
    assert len(names) == 1 and {row["job_id"] for row in rows["uploads"]} == {job.id, None}


async def test_deleting_takes_the_photo_back_everywhere(court: Court) -> None:
    job = await from_a_photo(court)
    child = await drawn_again(court, court.bo, job)
    grandchild = await drawn_again(court, court.ria, child)
    await court.say(court.ada, "privacy delete", confirm="delete everything")
    assert uploads(court) == []
    for one, actor in ((child, court.bo), (grandchild, court.ria)):
        assert len(await court.jobs.cells(one.id)) == 4
        message = next(message for message in court.messages if one.id in str(message.attachments))
        assert "has deleted it" in said(await actor.click(message, custom_id=f"dr:r:{one.id}:0"))
        assert (await exported(court, actor))[0] == []


async def test_who_brought_the_same_picture_too_keeps_theirs(court: Court) -> None:
    await from_a_photo(court)
    await court.bo.slash(court.channel, "imagine", prompt="as a drawing", image=("same.png", png("red")))
    theirs = await court.draw()
    assert len(uploads(court)) == 1
    await court.say(court.ada, "privacy delete", confirm="delete everything")
    assert len((await exported(court, court.bo))[0]) == 1
    await drawn_again(court, court.bo, theirs)


async def test_nothing_is_kept_of_who_may_make_nothing(court: Court) -> None:
    await court.say(court.mo, "mod ban", member=court.bo, reason="spam")
    red, blue = ("a.png", png("red")), ("b.png", png("blue"))
    message = await court.ada.send(court.channel, "look", attachments=[red])
    for asked in (
        await court.bo.slash(court.channel, "imagine", prompt="a fox", image=red, style_image=blue),
        await court.bo.slash(court.channel, "blend", first=red, second=blue),
        await court.bo.slash(court.channel, "describe", image=red),
        await court.bo.context_menu(court.channel, "Darkroom: upscale", message),
    ):
        assert "spam" in said(asked)
    assert uploads(court) == []
