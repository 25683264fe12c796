"""Votes as members, moderators and misfortune press them, over the real store, rules, quotas and log."""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

import pytest

from bot.domain.model import Job
from bot.domain.rounds.round import Round, RoundState
from tests.bot.court import Court, eventually, said


class Vote:
    """A grid of ada's and the ballot paper below it."""

    def __init__(self, court: Court, job: Job, paper: Any) -> None:
        self.court, self.job, self.paper_id = court, job, paper.id
        self.round_id = re.findall("dr-round:v:([0-9a-f]+):0", str(paper_ids(paper)))[0]

    @property
    def paper(self) -> Any:
        return self.court.message(self.paper_id)

    async def press(self, actor: Any, label: str) -> str:
        return said(await actor.click(self.paper, label=label))

    async def now(self) -> Round:
        return await self.court.rounds.get(self.round_id)


def paper_ids(paper: Any) -> list[str]:
    return [item.custom_id for row in paper.components for item in row.children]


@pytest.fixture
async def vote(court: Court) -> Vote:
    job = await court.imagine(court.ada)
    grid = court.channel.history()[0]
    pressed = await court.ada.click(grid, label="Let the group decide")
    assert pressed.response is not None and not pressed.response.ephemeral
    return Vote(court, job, court.message(pressed.response.id))


async def test_the_paper_says_cost_ties_and_end(vote: Vote) -> None:
    text = vote.paper.content
    assert "their quota (4 pictures)" in text and "A tie goes to the first of" in text
    assert re.search(r"Closes <t:\d+:R>", text) and "0 voted" in text


async def test_a_moderator_cancels_and_it_is_logged(court: Court, vote: Vote) -> None:
    await vote.press(court.bo, "A")
    assert "cancelled" in await vote.press(court.mo, "Cancel the vote")
    entry = await court.newest()
    assert (entry.action, entry.actor_id) == ("cancel vote", court.mo.id) and f"<@{court.ada.id}>" in entry.subject
    await court.counted()
    assert "a moderator cancelled it" in vote.paper.content and vote.paper.components == []
    assert f"<@{court.mo.id}>" not in vote.paper.content
    assert await court.jobs.children(vote.job.id) == []


async def test_others_cannot_end_it(court: Court, vote: Vote) -> None:
    for label in ("Count now", "Cancel the vote"):
        assert "moderator" in await vote.press(court.bo, label)
    assert (await vote.now()).state is RoundState.OPEN


async def test_a_second_vote_leads_to_the_first(court: Court, vote: Vote) -> None:
    grid = next(message for message in court.channel.history() if message.id == vote.job.reply.message_id)
    again = said(await court.bo.click(grid, label="Let the group decide"))
    assert "votes on this already" in again and str(vote.paper_id) in again


async def test_a_lost_message_id_is_learnt_from_a_press(court: Court, vote: Vote) -> None:
    await court.round_store.change(await vote.now(), message_id=None)
    await vote.press(court.bo, "B")
    assert (await vote.now()).message_id == vote.paper_id


async def test_the_banned_may_not_vote_and_their_vote_is_void(court: Court, vote: Vote) -> None:
    for actor, label in ((court.bo, "B"), (court.ria, "A")):
        await vote.press(actor, label)
    await court.say(court.mo, "mod ban", member=court.bo, reason="secret reason")
    assert "secret reason" in await vote.press(court.bo, "C")
    await vote.press(court.ada, "Count now")
    await court.counted()
    shown = vote.paper.content
    assert "**A** goes on" in shown and "B 0" in shown and f"<@{court.bo.id}>" not in shown


async def test_why_a_host_is_banned_is_not_told_to_all(court: Court, vote: Vote) -> None:
    await vote.press(court.bo, "B")
    await court.say(court.mo, "mod ban", member=court.ada, reason="secret reason")
    await vote.press(court.mo, "Count now")
    await court.counted()
    shown = vote.paper.content
    assert "may not ask for pictures now" in shown and "secret reason" not in shown
    assert await court.jobs.children(vote.job.id) == []


async def test_a_used_up_quota_is_said(court: Court, vote: Vote) -> None:
    await court.say(court.mo, "quota set", unit="pictures", window="day", amount=4)
    await vote.press(court.bo, "B")
    await vote.press(court.ada, "Count now")
    await court.counted()
    assert re.search(r"not varied: the quota of <@\d+>, who began the vote, .* <t:\d+:R>", vote.paper.content)
    assert (await vote.now()).state is RoundState.ENDED


async def test_a_deleted_paper_ends_the_vote(court: Court, vote: Vote) -> None:
    await vote.press(court.bo, "B")
    place = court.client.get_channel(court.channel.id)
    await place.get_partial_message(vote.paper_id).delete()
    await court.env.settle()
    assert (await vote.now()).outcome == "its ballot paper was deleted"


async def test_nobody_reads_a_vote_in_logs_before_the_end(
    court: Court, vote: Vote, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        await vote.press(court.bo, "C")
    told = [f"{record.getMessage()} {vars(record)}" for record in caplog.records if record.name.startswith("bot")]
    assert not [line for line in told if "dr-round" in line or "picks" in line]


async def test_a_member_takes_their_ballot_along(court: Court, vote: Vote) -> None:
    await vote.press(court.bo, "C")
    await vote.press(court.ria, "A")
    answer = await court.bo.slash(court.channel, "privacy export")
    with zipfile.ZipFile(io.BytesIO(await answer.response.attachments[0].read())) as archive:
        rows = json.loads(archive.read("records.json"))
    assert [(row["member_id"], row["picks"]) for row in rows["ballots"]] == [(court.bo.id, "2")]
    assert rows["rounds"] == []
    await court.bo.slash(court.channel, "privacy delete", confirm="delete everything")
    assert [ballot.member_id for ballot in await court.round_store.ballots(vote.round_id)] == [court.ria.id]


async def test_deleting_oneself_takes_ones_votes_down(court: Court, vote: Vote) -> None:
    await court.ada.slash(court.channel, "privacy delete", confirm="delete everything")
    assert vote.paper_id not in {message.id for message in court.channel.history()}
    assert await court.round_store.at_message(vote.paper_id) is None


async def test_a_refused_picture_ends_without_variations(court: Court, vote: Vote) -> None:
    await vote.press(court.bo, "B")
    await court.say(court.mo, "mod delete", job=vote.job.id)
    await court.counted(after_s=130.0)
    assert await court.jobs.children(vote.job.id) == []


def link(vote: Vote) -> str:
    return f"https://discord.com/channels/1/2/{vote.paper_id}"


async def test_a_paused_vote_says_so_and_keeps_its_grid(court: Court, vote: Vote) -> None:
    await vote.press(court.bo, "A")
    await court.say(court.mo, "mod round pause", message=link(vote))
    await eventually(lambda: "has paused this" in vote.paper.content)
    assert "Closes" not in vote.paper.content and len(paper_ids(vote.paper)) == 1
    grid = court.message(vote.job.reply.message_id or 0)
    again = said(await court.bo.click(grid, label="Let the group decide"))
    assert "votes on this already" in again and str(vote.paper_id) in again
    assert "goes on" in await court.say(court.mo, "mod round resume", message=link(vote))
    await eventually(lambda: "1 voted so far" in vote.paper.content)
    assert len(paper_ids(vote.paper)) == 6


async def test_a_vote_paused_for_a_week_ends(court: Court, vote: Vote) -> None:
    await vote.press(court.bo, "A")
    await court.say(court.mo, "mod round pause", message=link(vote))
    await court.round_store.change(await vote.now(), due_at=court.now())
    await court.counted()
    assert (await vote.now()).state is RoundState.ENDED and await court.round_store.due(court.now()) == []
    assert "paused for too long" in vote.paper.content and vote.paper.components == []
    assert await court.jobs.children(vote.job.id) == []


async def test_who_wants_to_be_asked_is_asked_after_the_vote(court: Court, vote: Vote) -> None:
    grid = court.message(vote.job.reply.message_id or 0)
    await vote.press(court.ada, "Cancel the vote")
    await court.counted()
    await court.say(court.ada, "privacy consent", share="ask")
    pressed = await court.bo.click(grid, label="Let the group decide")
    assert pressed.response is not None
    theirs = Vote(court, vote.job, court.message(pressed.response.id))
    await theirs.press(court.bo, "C")
    await theirs.press(court.bo, "Count now")
    await court.counted()
    assert f"wait for the yes of <@{court.ada.id}>" in theirs.paper.content and not await court.jobs.active()
    await court.counted()
    question = next(message for message in reversed(court.messages) if message.content.startswith("🙋"))
    await court.ada.click(question, label="Once")
    await court.counted()
    made = await court.draw()
    assert (made.parent_id, made.parent_cell, made.member_id) == (vote.job.id, 2, court.bo.id)


async def test_a_reaction_to_the_paper_is_no_press_and_no_vote(court: Court, vote: Vote) -> None:
    for emoji in ("🇦", "🔄", "1️⃣", "⭐"):
        await court.bo.react(vote.paper, emoji)
    assert not await court.jobs.active() and len(court.messages) == 2
    assert await court.round_store.ballots(vote.round_id) == []
    await court.bo.react(vote.paper, "❌")
    assert vote.paper_id in {message.id for message in court.messages}
    await court.ada.react(vote.paper, "❌")
    assert [message.id for message in court.messages] == [vote.job.reply.message_id], "the grid stays"
    assert (await court.jobs.get(vote.job.id)).state is vote.job.state
