"""Quarantine: a picture and everything made from it goes out of sight, and can come back."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.model import Job, JobState
from tests.bot.court import Court


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
