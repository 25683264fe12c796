"""The counter on a ballot paper: few edits however many vote, none over an outcome, again when Discord is away."""

from __future__ import annotations

import asyncio
from typing import Any

import discord
import pytest

from bot.domain.model import Job, Member, Place
from bot.domain.rounds.round import Round, RoundKind, RoundState
from bot.errors import StoreError
from bot.tasks import Tasks
from bot.ui.job_reply.decision_pages import DecisionPages
from bot.ui.job_reply.round_announcer import RoundAnnouncer
from bot.ui.pictures.compositing import Drawing
from tests.bot.court import Court
from tests.bot.world import eventually


class Counter:
    """An announcer whose pauses the test ends, and the edits that it made."""

    def __init__(self, court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
        self.court, self.tasks, self.gate = court, Tasks(court.context), asyncio.Event()
        self.edits: list[str] = []
        self.errors: list[Exception] = []
        self.pauses: list[float] = []
        services = court.client.services
        pages = DecisionPages(services.jobs, services.pictures, Drawing(court.executor))
        self.announcer = RoundAnnouncer({RoundKind.DECIDE: pages}, self.tasks, sleep=self._sleep, clock=court.now)
        self.announcer.attach(court.client)
        monkeypatch.setattr(discord.PartialMessage, "edit", self._edit)

    async def _sleep(self, pause_s: float) -> None:
        self.pauses.append(pause_s)
        await self.gate.wait()

    async def _edit(self, **fields: Any) -> None:
        if self.errors:
            raise self.errors.pop()
        self.edits.append(fields["content"])


@pytest.fixture
def counter(court: Court, monkeypatch: pytest.MonkeyPatch) -> Counter:
    return Counter(court, monkeypatch)


async def begun(court: Court) -> tuple[Job, Round]:
    job = await court.imagine(court.ada)
    host, place = Member(id=court.ada.id, name="ada"), Place(guild_id=court.guild.id, channel_id=court.channel.id)
    new = Round(
        id="c0", host=host, place=place, job_id=job.id, slots=4, seed=1, message_id=9,
        duration_s=120.0, due_at=court.now(), created_at=court.now(),
    )  # fmt: skip
    return job, await court.rounds.open(new)


async def test_forty_votes_at_once_are_one_edit(court: Court, counter: Counter) -> None:
    _, opened = await begun(court)
    for member in range(40):
        await court.round_store.toggle(opened.id, member, member % 4, court.now())
        counter.announcer.changed(opened.id, court.rounds.read)
    counter.gate.set()
    await eventually(lambda: bool(counter.edits))
    assert len(counter.edits) == 1 and "40 voted" in counter.edits[0] and counter.pauses == [2.0]


async def test_no_counter_is_shown_over_an_outcome(court: Court, counter: Counter) -> None:
    _, opened = await begun(court)
    counter.announcer.changed(opened.id, court.rounds.read)
    over = await court.round_store.change(opened, state=RoundState.DECIDED, winner=None, outcome="nobody voted")
    await counter.announcer.ended(over, [], [])
    counter.gate.set()
    counter.announcer.changed(opened.id, court.rounds.read)
    await counter.tasks.stop()
    assert len(counter.edits) == 1 and "nobody voted" in counter.edits[0]


async def test_a_counter_is_tried_again_later(court: Court, counter: Counter) -> None:
    _, opened = await begun(court)
    counter.errors = [discord.RateLimited(7.0)]
    counter.gate.set()
    counter.announcer.changed(opened.id, court.rounds.read)
    await eventually(lambda: bool(counter.edits))
    assert counter.pauses == [2.0, 7.0]


async def test_a_deleted_grid_ends_its_counter(court: Court, counter: Counter) -> None:
    job, opened = await begun(court)
    await court.client.services.records.delete_job(job.id)
    counter.gate.set()
    counter.announcer.changed(opened.id, court.rounds.read)
    await counter.tasks.stop()
    assert counter.edits == []


async def test_a_store_that_failed_once_is_read_at_the_next_vote(court: Court, counter: Counter) -> None:
    _, opened = await begun(court)
    counter.gate.set()

    async def failing(_: str) -> Any:
        raise StoreError

    counter.announcer.changed(opened.id, failing)
    await asyncio.gather(*counter.tasks._running, return_exceptions=True)
    counter.announcer.changed(opened.id, court.rounds.read)
    await eventually(lambda: bool(counter.edits))
