"""Flagged pictures wait for a moderator."""

from __future__ import annotations

import contextlib
from typing import Any

import discord
import pytest

from bot.commands.moderation.mod_review import ReviewRoom
from bot.domain.model import Job, JobState
from bot.errors import DeliveryLater
from tests.bot.court import Court, said
from tests.bot.world import eventually, labels


async def flagged(court: Court) -> tuple[Job, Any]:
    """A flagged job of ada's, and the channel where it waits."""
    room = court.guild.create_text_channel("review")
    await court.say(court.mo, "mod review on", channel=room)
    job = await court.imagine(court.ada, score=0.9)
    assert job.state is JobState.REVIEW
    return job, room


async def test_approved_it_is_shown(court: Court) -> None:
    job, room = await flagged(court)
    assert "A moderator looks at this first" in court.messages[-1].content and not court.messages[-1].attachments
    (asked,) = room.history()
    assert asked.attachments[0].is_spoiler() and "0.90" in asked.attachments[0].description
    assert labels(asked) == ["Approve", "Reject", "Reject and ban for a week"]
    assert "shown now" in said(await court.mo.click(asked, label="Approve"))
    await eventually(lambda: court.messages[-1].attachments)
    await court.job_service.wait(job.id)
    assert (await court.jobs.get(job.id)).state is JobState.DELIVERED
    assert "delivered already" in said(await court.mo.click(asked, label="Reject"))
    assert [entry.action for entry in await court.log.newest(court.guild.id)] == ["review ok", "review on"]


async def test_rejected_it_stays_hidden_and_nothing_is_charged(court: Court) -> None:
    await court.say(court.mo, "quota set", window="day", amount=4.0)
    job, room = await flagged(court)
    assert "4 of 4 pictures" in await court.say(court.ada, "info me")
    assert "no picture was charged" in said(await court.mo.click(room.history()[0], label="Reject"))
    assert (await court.jobs.get(job.id)).state is JobState.FAILED
    assert "0 of 4 pictures" in await court.say(court.ada, "info me")


async def test_rejected_with_a_ban_and_after_a_restart(court: Court) -> None:
    job, room = await flagged(court)
    await court.restart()
    assert "banned for a week" in said(await court.mo.click(room.history()[0], label="Reject and ban for a week"))
    assert (await court.jobs.get(job.id)).state is JobState.FAILED
    refused = said(await court.ada.slash(court.channel, "imagine", prompt="a fox"))
    assert "rejected in review" in refused


async def test_only_moderators_decide(court: Court) -> None:
    job, room = await flagged(court)
    assert said(await court.bo.click(room.history()[0], label="Approve")) == "This is for moderators."
    assert (await court.jobs.get(job.id)).state is JobState.REVIEW
    assert not (await court.newest()).done


async def test_a_check_that_could_not_run_sends_pictures_to_review(court: Court) -> None:
    job = await court.imagine(court.ada, score=None, error="no model file")
    assert job.state is JobState.REVIEW
    shown = await court.mo.slash(court.channel, "mod review list")
    assert f"`{job.id}`" in said(shown)
    assert shown.response is not None
    look = await court.mo.click(shown.response.message, label="Look at 1")
    assert look.response is not None and look.response.message.attachments[0].is_spoiler()
    assert "no model file" in str(look.response.message.attachments[0].description)
    assert "shown now" in said(await court.mo.click(look.response.message, label="Approve"))


async def test_a_channel_closed_to_the_bot_is_refused(court: Court) -> None:
    hidden = court.guild.create_text_channel(
        "hidden",
        overwrites={
            court.guild.default_role: discord.PermissionOverwrite(view_channel=False),
            court.mo: discord.PermissionOverwrite(view_channel=True),
        },
    )
    assert "able to see it" in await court.say(court.mo, "mod review on", channel=hidden)
    assert (await court.rules()).review_channel_id is None
    await court.say(court.mo, "mod review off")


async def test_reactions_do_not_go_around_the_review(court: Court) -> None:
    job, room = await flagged(court)
    for decide in (None, "Reject"):
        if decide:
            await court.mo.click(room.history()[0], label=decide)
            await court.job_service.wait(job.id)
        await court.bo.react(court.messages[-1], "✉️")
        await court.bo.react(court.messages[-1], "⭐")
        await court.bo.unreact(court.messages[-1], "⭐")
        assert not court.bo.user.dm_channel.history()
        assert "None yet" in await court.say(court.bo, "info favourites")


async def test_a_ban_after_the_decision_says_so(court: Court) -> None:
    job, room = await flagged(court)
    await court.mo.click(room.history()[0], label="Reject")
    again = said(await court.mo.click(room.history()[0], label="Reject and ban for a week"))
    assert "failed already" in again and f"<@{job.member_id}> is banned" in again


async def test_the_review_says_who_decided_and_hides_the_rejected(court: Court) -> None:
    job, room = await flagged(court)
    await court.mo.click(room.history()[0], label="Approve")
    (approved,) = room.history()
    assert f"✅ decided by <@{court.mo.id}>" in approved.content and approved.attachments
    await court.job_service.wait(job.id)

    again = await court.imagine(court.ada, score=0.9)
    assert again.state is JobState.REVIEW
    await court.mo.click(room.history()[-1], label="Reject")
    rejected = room.history()[-1]
    assert f"✖️ decided by <@{court.mo.id}>" in rejected.content and not rejected.attachments


@pytest.mark.parametrize("by", ["moderator", "member"])
async def test_a_deleted_result_leaves_the_review_channel(court: Court, by: str) -> None:
    job, room = await flagged(court)
    if by == "moderator":
        assert "1 deleted" in await court.say(court.mo, "mod delete", job=job.id)
    else:
        assert "1 jobs" in await court.say(court.ada, "privacy delete", confirm="delete everything")
    assert room.history() == []


async def test_a_late_moderator_is_told_and_is_not_in_the_log(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    job, room = await flagged(court)

    reviews = court.job_service.reviews
    monkeypatch.setattr(reviews, "reject", reviews.approve)
    assert "already" in said(await court.mo.click(room.history()[0], label="Reject"))
    assert (await court.newest()).action == "review on"
    await court.job_service.wait(job.id)


@pytest.mark.parametrize(("code", "comes_later"), [(0, True), (50001, False)])
async def test_what_stands_before_discord_closes_no_room(court: Court, code: int, *, comes_later: bool) -> None:
    """A proxy answers 403 without a code of Discord's: the moderators are asked again."""
    job, room = await flagged(court)
    court.env.inject_error("POST", f"/channels/{room.id}/messages", status=403, code=code)
    with pytest.raises(DeliveryLater) if comes_later else contextlib.nullcontext():
        await ReviewRoom(court.client).ask(job, await court.jobs.cells(job.id))
