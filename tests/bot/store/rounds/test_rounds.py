"""Rounds in a real database: one winner of every race, and no ballot lost."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta

import pytest

from bot.domain.model import Member, Place
from bot.domain.rounds.round import Round, RoundState
from bot.errors import Fenced, RoundNotFound
from bot.store.database import Database
from bot.store.jobs.jobs import JobStore
from bot.store.rounds.rounds import RoundStore
from tests.bot.store.asks import NOW, NoLedger, accept, ask


@pytest.fixture
def jobs(database: Database) -> JobStore:
    return JobStore(database, NoLedger())


@pytest.fixture
def store(database: Database) -> RoundStore:
    return RoundStore(database)


async def begun(store: RoundStore, jobs: JobStore, round_id: str = "a" * 16, **more: object) -> Round:
    job_id = more.pop("job_id", None) or (await accept(jobs)).id
    new = Round(
        id=round_id, host=Member(id=1, name="ada"), place=Place(guild_id=5, channel_id=10), job_id=str(job_id),
        slots=4, seed=3, due_at=NOW + timedelta(minutes=2), duration_s=120.0, created_at=NOW,
    )  # fmt: skip
    return await store.open(new.model_copy(update=more))


async def test_a_round_comes_back_as_it_was_stored(store: RoundStore, jobs: JobStore) -> None:
    opened = await begun(store, jobs)
    assert await store.get(opened.id) == opened and opened.host.name == "ada"


async def test_a_grid_has_one_open_round_at_a_time(store: RoundStore, jobs: JobStore) -> None:
    first = await begun(store, jobs)
    second = await begun(store, jobs, "b" * 16, job_id=first.job_id)
    assert second.id == first.id
    await store.change(first, state=RoundState.ENDED)
    third = await begun(store, jobs, "c" * 16, job_id=first.job_id)
    assert third.id == "c" * 16


async def test_of_two_changes_at_once_one_is_refused(store: RoundStore, jobs: JobStore) -> None:
    opened = await begun(store, jobs)
    changes = [store.change(opened, state=RoundState.DECIDED, winner=slot) for slot in range(4)]
    results = await asyncio.gather(*changes, return_exceptions=True)
    assert sum(isinstance(result, Fenced) for result in results) == 3


async def test_forty_votes_at_once_are_all_kept(store: RoundStore, jobs: JobStore) -> None:
    opened = await begun(store, jobs)
    await asyncio.gather(*(store.toggle(opened.id, member, member % 4, NOW) for member in range(1, 41)))
    ballots = await store.ballots(opened.id)
    assert [(ballot.member_id, ballot.picks) for ballot in ballots] == [(m, (m % 4,)) for m in range(1, 41)]


async def test_a_ballot_makes_who_counted_before_count_again(store: RoundStore, jobs: JobStore) -> None:
    opened = await begun(store, jobs)
    await store.toggle(opened.id, 1, 0, NOW)
    with pytest.raises(Fenced):
        await store.change(opened, state=RoundState.DECIDED)


async def test_a_decided_round_takes_no_ballots(store: RoundStore, jobs: JobStore) -> None:
    decided = await store.change(await begun(store, jobs), state=RoundState.DECIDED, winner=1)
    assert await store.toggle(decided.id, 1, 0, NOW) is None and await store.ballots(decided.id) == []


@pytest.mark.parametrize("slot", [-1, 4, 99])
async def test_a_slot_that_is_not_there_is_no_vote(store: RoundStore, jobs: JobStore, slot: int) -> None:
    opened = await begun(store, jobs)
    assert await store.toggle(opened.id, 1, slot, NOW) is None


async def test_a_round_is_found_by_its_ballot_paper(store: RoundStore, jobs: JobStore) -> None:
    opened = await begun(store, jobs, message_id=77)
    assert await store.at_message(77) == opened and await store.at_message(78) is None


async def test_a_refused_change_voids_no_ballot(store: RoundStore, jobs: JobStore) -> None:
    opened = await begun(store, jobs)
    await store.toggle(opened.id, 1, 0, NOW)
    with pytest.raises(Fenced):
        await store.change(opened, void={1}, state=RoundState.DECIDED)
    assert [ballot.member_id for ballot in await store.ballots(opened.id)] == [1]
    await store.change(await store.get(opened.id), void={1}, state=RoundState.DECIDED)
    assert await store.ballots(opened.id) == []


async def test_rounds_are_due_until_they_are_over(store: RoundStore, jobs: JobStore) -> None:
    opened = await begun(store, jobs)
    assert await store.due(NOW) == []
    assert [each.id for each in await store.due(opened.due_at)] == [opened.id]
    await store.change(opened, state=RoundState.ENDED)
    assert await store.due(opened.due_at) == []


async def test_the_chain_leads_back_to_the_first_vote(store: RoundStore, jobs: JobStore) -> None:
    ids = [(await accept(jobs)).id for _ in range(4)]
    for number, (job_id, next_id) in enumerate(itertools.pairwise(ids)):
        opened = await begun(store, jobs, f"{number:016}", job_id=job_id)
        await store.change(opened, state=RoundState.ENDED, next_job_id=next_id)
    assert [each.job_id for each in await store.before(ids[-1], limit=8)] == ids[:-1]
    assert [each.job_id for each in await store.before(ids[-1], limit=2)] == ids[1:-1]


async def test_who_asked_here_lately_is_present(store: RoundStore, jobs: JobStore) -> None:
    await accept(jobs, ask(member=1))
    await accept(jobs, ask(member=2), NOW - timedelta(hours=1))
    assert await store.present(5, 10, NOW - timedelta(minutes=30)) == {1}
    assert await store.present(5, 11, NOW - timedelta(minutes=30)) == set()


async def test_a_round_that_is_not_there_is_named(store: RoundStore) -> None:
    with pytest.raises(RoundNotFound):
        await store.get("none")
