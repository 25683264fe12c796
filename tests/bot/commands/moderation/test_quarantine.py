"""Quarantine: a picture and everything made from it goes out of sight, and can come back."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.model import Job, JobState
from tests.bot.court import Court
from tests.bot.painted import painted


def shown(court: Court, job: Job) -> Any:
    return court.message(job.reply.message_id or 0)


async def press(court: Court, job: Job, act: str) -> Job:
    """bo derives from a job by a button; the job that comes of it."""
    pressed = await court.bo.click(shown(court, job), custom_id=f"dr:{act}:{job.id}:0")
    assert pressed.response is not None and not pressed.response.ephemeral, pressed.response
    return await court.draw()


async def state(court: Court, job: Job) -> JobState:
    return (await court.jobs.get(job.id)).state


async def test_all_that_was_made_from_it_is_hidden_and_comes_back(court: Court) -> None:
    root = await court.imagine(court.ada)
    child = await press(court, root, "v")
    grandchild, redrawn = await press(court, child, "v"), await press(court, child, "r")
    of_words = await press(court, root, "r")
    family = (root, child, grandchild, redrawn)
    hidden = await court.say(court.mo, "mod quarantine add", job=root.id, reason="stolen")
    assert "Hidden: 4 results" in hidden and await state(court, of_words) is JobState.DELIVERED
    entry = await court.newest()
    assert (entry.action, entry.reason) == ("quarantine add", "4 hidden. stolen")
    assert f"<@{court.ada.id}>" in entry.subject
    for job in family:
        message = shown(court, job)
        assert "A moderator has hidden" in message.content and not message.attachments and not message.components
        assert await state(court, job) is JobState.HIDDEN
    assert "Back again: 4 results" in await court.say(court.mo, "mod quarantine lift", job=root.id)
    for job in family:
        assert shown(court, job).attachments and shown(court, job).components, "as it was"
        assert await state(court, job) is JobState.DELIVERED
    again = await court.bo.click(shown(court, root), custom_id=f"dr:v:{root.id}:1")
    assert again.response is not None and not again.response.ephemeral, "and may be used again"


async def by_command(court: Court, command: str, **options: Any) -> Job:
    """bo asks for something with the picture; the job that comes of it."""
    asked = await court.bo.slash(court.channel, command, **options)
    assert asked.response is not None and not asked.response.ephemeral, asked.response
    return await court.draw()


OTHER, AGAIN = ("other.png", painted(7)), ("again.jpg", painted(1, size=200, quality=80))
INPUTS: dict[str, tuple[str, dict[str, Any]]] = {
    "second of an edit": ("edit", {"what": "a hen", "picture": OTHER, "second": AGAIN}),
    "third of an edit": ("edit", {"what": "a hen", "picture": OTHER, "third": AGAIN}),
    "mask": ("edit", {"what": "a hen", "picture": OTHER, "mask": ("mask.png", painted(1, size=96))}),
    "picture": ("imagine", {"prompt": "a hen", "image": AGAIN}),
    "reference": ("imagine", {"prompt": "a hen", "reference": AGAIN}),
    "style picture": ("imagine", {"prompt": "a hen", "style_image": AGAIN}),
    "control picture": ("imagine", {"prompt": "a hen", "control": AGAIN}),
    "second of a blend": ("blend", {"first": OTHER, "second": AGAIN, "prompt": "a hen"}),
}


@pytest.mark.parametrize("way", INPUTS)
async def test_what_was_made_with_it_is_hidden_too(court: Court, way: str) -> None:
    root = await court.imagine(court.ada, picture=painted(1, size=256))
    command, options = INPUTS[way]
    made = await by_command(court, command, **options)
    below, redrawn = await press(court, made, "v"), await press(court, made, "r")
    family = (root, made, below, redrawn)
    assert "Hidden: 4 results" in await court.say(court.mo, "mod quarantine add", job=root.id)
    assert {await state(court, job) for job in family} == {JobState.HIDDEN}
    assert "A moderator has hidden" in shown(court, made).content
    refused = await court.bo.slash(court.channel, command, **options)
    assert refused.response is not None and refused.response.ephemeral, "and nothing new is made with it"
    assert "Back again: 4 results" in await court.say(court.mo, "mod quarantine lift", job=root.id)
    assert {await state(court, job) for job in family} == {JobState.DELIVERED}


@pytest.mark.parametrize("saver", ["ada", "bo"])
async def test_what_was_drawn_in_its_manner_is_hidden_too(court: Court, saver: str) -> None:
    root = await court.imagine(court.ada, picture=painted(1, size=256))
    actor = getattr(court, saver)
    assert "✅" in await court.say(actor, "style save", name="fog", picture=AGAIN, second=OTHER)
    made = await court.imagine(actor, "a hen --style fog")
    await court.say(court.mo, "mod quarantine add", job=root.id)
    assert await state(court, made) is JobState.HIDDEN
    for command, options in (("imagine", {"prompt": "a hen --style fog"}), ("style show", {"name": "fog"})):
        assert "moderator has hidden" in await court.say(actor, command, **options)
    await court.say(court.mo, "mod quarantine lift", job=root.id)
    await court.imagine(actor, "a hen --style fog")


async def test_one_that_is_deleted_in_between_is_no_hole(court: Court) -> None:
    root = await court.imagine(court.ada, picture=painted(1, size=256))
    first = await by_command(court, "imagine", prompt="a hen", style_image=AGAIN)
    second = await press(court, first, "v")
    third, redrawn = await press(court, second, "v"), await press(court, second, "r")
    for job in (first, second):
        assert await court.client.services.records.delete_job(job.id)
    assert "Hidden: 3 results" in await court.say(court.mo, "mod quarantine add", job=root.id)
    assert {await state(court, job) for job in (root, third, redrawn)} == {JobState.HIDDEN}


async def test_what_is_under_way_elsewhere_is_stopped_too(court: Court) -> None:
    root = await court.imagine(court.ada, picture=painted(1, size=256))
    assert "✅" in await court.say(court.ada, "style save", name="fog", picture=AGAIN)
    asked = await court.ada.user.slash("imagine", prompt="a hen --style fog")
    assert asked.response is not None, asked
    [live] = await court.jobs.active()
    assert live.guild_id is None
    assert "Hidden: 1 results" in await court.say(court.mo, "mod quarantine add", job=root.id)
    await court.job_service.wait(live.id)
    assert await state(court, live) is JobState.CANCELLED and await court.jobs.active() == []


async def test_what_two_quarantines_hide_comes_back_with_the_second(court: Court) -> None:
    root = await court.imagine(court.ada)
    child = await press(court, root, "v")
    for job in (child, root):
        await court.say(court.mo, "mod quarantine add", job=job.id)
    assert "Back again: 1 results" in await court.say(court.mo, "mod quarantine lift", job=root.id)
    assert (await state(court, root), await state(court, child)) == (JobState.DELIVERED, JobState.HIDDEN)
    await court.say(court.mo, "mod quarantine lift", job=child.id)
    assert await state(court, child) is JobState.DELIVERED
    assert "no quarantine began" in await court.say(court.mo, "mod quarantine lift", job=root.id)


async def test_what_is_under_way_is_stopped_and_refunded(court: Court) -> None:
    root = await court.imagine(court.ada)
    await court.bo.click(shown(court, root), custom_id=f"dr:v:{root.id}:0")
    [live] = await court.jobs.active()
    await court.say(court.mo, "mod quarantine add", job=root.id)
    await court.job_service.wait(live.id)
    assert await state(court, live) is JobState.CANCELLED and await court.jobs.active() == []


@pytest.mark.parametrize("who", ["the owner", "a member"])
async def test_of_a_hidden_picture_nothing_is_made(court: Court, who: str) -> None:
    root = await court.imagine(court.ada)
    actor = court.ada if who == "the owner" else court.bo
    cell = await actor.click(shown(court, root), label="U1")
    await court.say(court.mo, "mod quarantine add", job=root.id)
    assert cell.response is not None
    again = await actor.slash(court.channel, "show", job=root.id)
    assert again.response is not None and again.response.ephemeral
    assert await court.jobs.children(root.id) == [] and await court.jobs.active() == []
    assert not any(message.attachments for message in court.messages), "the single picture is out of sight, too"


async def test_votes_about_a_hidden_picture_end(court: Court) -> None:
    root = await court.imagine(court.ada)
    paper = await court.bo.click(shown(court, root), label="Let the group decide")
    assert paper.response is not None
    paper_id = paper.response.id
    await court.say(court.mo, "mod quarantine add", job=root.id)
    assert paper_id not in {message.id for message in court.messages}
    await court.counted(after_s=300.0)
    assert await court.jobs.children(root.id) == []


async def test_members_may_not(court: Court) -> None:
    root = await court.imagine(court.ada)
    await court.allow("mod", court.bo)
    assert "for moderators" in await court.say(court.bo, "mod quarantine add", job=root.id)
    assert await state(court, root) is JobState.DELIVERED
