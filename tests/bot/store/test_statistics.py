"""The numbers behind `/stats`, and families."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.lineage import derive, family
from bot.domain.model import JobState, Verb
from bot.domain.usage import DayUse
from bot.domain.windows import last_days
from bot.store.admission import Room
from bot.store.database import Database
from bot.store.jobs import JobStore
from bot.store.statistics import Outcomes, Statistics
from engine.errors import OutOfMemory
from tests.bot.store.asks import NOW, NoLedger, accept, ask, kept


@pytest.fixture
def store(database: Database) -> JobStore:
    return JobStore(database, NoLedger(), room=Room(99))


async def test_who_used_how_much_when(store: JobStore, database: Database) -> None:
    for member, days in ((1, 0), (1, 0), (2, 0), (1, 1), (1, 40)):
        asked = NOW - timedelta(days=days)
        job = await store.claim(await accept(store, ask(member=member), asked))
        job = await store.started(job, asked + timedelta(seconds=member))
        await store.keep(job, kept(job, gpu_ms=500.0), asked)
    failed = await store.claim(await accept(store))
    await store.close(failed, JobState.FAILED, OutOfMemory("less"), NOW)
    statistics, since = Statistics(database), NOW - timedelta(days=30)
    days = last_days(31, NOW, ZoneInfo("UTC"))
    yesterday, today = (NOW - timedelta(days=1)).date(), NOW.date()
    assert await statistics.uses(5, days) == [
        DayUse(yesterday, 1, "pocket", 1, 4, 500.0),
        DayUse(today, 1, "pocket", 2, 8, 1000.0),
        DayUse(today, 2, "pocket", 1, 4, 500.0),
    ]
    assert await statistics.uses(6, days) == []
    assert len(await statistics.uses(None, days)) == 3
    assert sorted(wait.total_seconds() for wait in await statistics.waits(5, since)) == [1, 1, 1, 2]
    assert await statistics.outcomes(5, since) == Outcomes(failed=1)


async def test_a_day_begins_at_midnight_of_the_servers_time_zone(store: JobStore, database: Database) -> None:
    # In Auckland the clocks went back on 5 April 2026 at 3:00: that day began at 11:00 UTC and had 25 hours.
    for asked in ("2026-04-04T10:59Z", "2026-04-04T11:00Z", "2026-04-05T11:59Z", "2026-04-05T12:00Z"):
        job = await store.claim(await accept(store, ask(), datetime.fromisoformat(asked)))
        await store.keep(job, kept(job, gpu_ms=500.0), NOW)
    days = last_days(3, datetime(2026, 4, 5, 20, tzinfo=UTC), ZoneInfo("Pacific/Auckland"))
    used = await Statistics(database).uses(5, days)
    assert [(use.day.isoformat(), use.jobs) for use in used] == [
        ("2026-04-04", 1),
        ("2026-04-05", 2),
        ("2026-04-06", 1),
    ]


async def test_a_family_is_found_from_any_of_its_members(store: JobStore) -> None:
    async def job(parent: object = None, verb: Verb = Verb.VARY_STRONG) -> object:
        spec = None if parent is None else derive(parent, verb, None if verb is Verb.REROLL else 0, seed=1)
        made = await store.claim(await accept(store, ask(spec=spec)))
        return await store.keep(made, kept(made), NOW)

    root = await job()
    child, sibling = await job(root), await job(root, Verb.REROLL)
    grandchild = await job(child, Verb.ZOOM)
    await job()
    for member in (root, child, sibling, grandchild):
        found = await store.family(member.id)
        assert {kin.id for kin in found} == {root.id, child.id, sibling.id, grandchild.id}
        assert family(found).root.id == root.id
    assert len(await store.family(root.id, limit=2)) == 2
