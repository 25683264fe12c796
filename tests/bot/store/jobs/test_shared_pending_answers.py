"""Pending answers in the database: adopted by the bot that has their shard, once the bot that owes them is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from bot.domain.jobs.pending_answers import PendingAnswer
from bot.shards import HeldShards
from bot.store.database import Database
from bot.store.jobs.jobs import JobStore
from bot.store.jobs.shared_pending_answers import SharedPendingAnswers
from bot.store.leases import Lease, shared_use
from tests.bot.store.asks import NOW, NoLedger, accept, ask
from tests.bot.store.postgres import FreshPostgres

pytestmark = pytest.mark.postgres


def pending(number: int, guild: int | None = None, member: int = 1, **more: object) -> PendingAnswer:
    payload = {"user": {"id": str(member)}, "guild_id": guild, "data": {"words": "a \ud83e fox"}}
    known = {"interaction_id": number, "application_id": 1, "token": f"s{number}", "expires_at": NOW}
    return PendingAnswer.model_validate({**known, "payload": payload, **more})


@pytest.fixture
async def two(tmp_path: object) -> AsyncIterator[list[tuple[Database, Lease, SharedPendingAnswers]]]:
    async with FreshPostgres() as url, AsyncExitStack() as stack:
        await (await Database.open(url)).close()
        found: list[tuple[Database, Lease, SharedPendingAnswers]] = []
        for shard in range(2):
            database = await Database.connect(url)
            stack.push_async_callback(database.close)
            database.shards = HeldShards(2)
            database.shards.ids = frozenset({shard})
            lease = await stack.enter_async_context(shared_use(database, 600.0, patience_s=0.0))
            found.append((database, lease, SharedPendingAnswers(database, lease)))
        yield found


async def test_what_a_dead_bot_owes_is_adopted_once(
    two: list[tuple[Database, Lease, SharedPendingAnswers]],
) -> None:
    (_, dying, of_dying), (living, _, of_living) = two
    here, there = pending(1, 1 << 22, tries=2), pending(2, None)
    for one in (here, there):
        await of_dying.store(one)
    await of_dying.store(answered := pending(3, 1 << 22))
    await of_dying.delete(answered.interaction_id)
    assert await of_living.unanswered() == [], "its bot lives"
    await dying.leave()
    assert await of_living.unanswered() == [here]
    assert await of_living.unanswered() == []
    assert living.shards is not None
    living.shards.ids = frozenset({0, 1})
    assert await of_living.unanswered() == [there]


async def test_what_a_job_answers_is_not_owed(two: list[tuple[Database, Lease, SharedPendingAnswers]]) -> None:
    (database, dying, of_dying), (_, _, of_living) = two
    await accept(JobStore(database, NoLedger()), ask(interaction=7))
    await of_dying.store(pending(7, 1 << 22))
    await dying.leave()
    assert await of_living.unanswered() == []
    assert await of_living.of_member(1) == []


async def test_a_member_is_forgotten(two: list[tuple[Database, Lease, SharedPendingAnswers]]) -> None:
    _, (_, _, answers) = two
    for number, member in enumerate((1, 1, 2)):
        await answers.store(pending(number, member=member))
    await answers.forget(1, but=1)
    assert [one.interaction_id for one in await answers.of_member(1)] == [1]
    assert [one.interaction_id for one in await answers.of_member(2)] == [2]
