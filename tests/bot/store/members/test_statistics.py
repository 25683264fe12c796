"""The numbers behind `/stats`, and families."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import create_async_engine

from bot.domain.model import Charge, Job, JobState, Verb
from bot.domain.moderation.audit_entry import AuditEntry
from bot.domain.prompting.derivation import derive, family
from bot.domain.quotas.usage import Usage
from bot.domain.quotas.windows import last_days
from bot.errors import Fenced
from bot.store.database import Database
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.admission import AdmissionLimits
from bot.store.jobs.jobs import JobStore
from bot.store.members.retention import Retention
from bot.store.members.statistics import Statistics
from bot.store.migrate import without_cascades
from bot.store.pictures import PictureStore
from bot.store.schema_sums import member_days, model_days, outcomes
from engine.errors import AbortReason, OutOfMemory, RequestAborted
from tests.bot.store.asks import NOW, accept, ask, kept


@pytest.fixture
def store(database: Database) -> JobStore:
    return JobStore(database, Quotas(database, GuildRulesStore(database)), limits=AdmissionLimits(99))


ENTRY = AuditEntry(at=NOW, guild_id=5, actor_id=1, action="timezone")


async def drawn(store: JobStore, asked_at: datetime, *, member: int = 1, **more: Any) -> Job:
    """A job that began so many seconds after it was asked for as the member's number says."""
    job = await store.claim(await accept(store, ask(member=member, **more), asked_at))
    job = await store.started(job, asked_at + timedelta(seconds=member))
    return await store.keep(job, kept(job, gpu_ms=500.0), asked_at)


async def test_who_used_how_much_when(store: JobStore, database: Database) -> None:
    for member, days in ((1, 0), (1, 0), (2, 0), (1, 1), (1, 40)):
        await drawn(store, NOW - timedelta(days=days), member=member)
    failed = await store.claim(await accept(store))
    await store.close(failed, JobState.FAILED, OutOfMemory("less"), NOW)
    statistics, since = Statistics(database), NOW - timedelta(days=30)
    days = last_days(31, NOW, ZoneInfo("UTC"))
    yesterday, today = (NOW - timedelta(days=1)).date(), NOW.date()
    assert await statistics.usage(5, days, members=8) == Usage(
        {yesterday: 4, today: 12}, {yesterday: 500.0, today: 1500.0}, {1: 1500.0, 2: 500.0}, {"pocket": 2000.0}
    )
    assert (await statistics.usage(5, days, members=1)).gpu_ms_by_member == {1: 1500.0}
    assert await statistics.usage(6, days, members=8) == Usage({}, {}, {}, {})
    assert sorted(wait.total_seconds() for wait in await statistics.waits(5, since)) == [1, 1, 1, 2]


async def test_what_a_cancelled_job_took_is_used_without_pictures(store: JobStore, database: Database) -> None:
    job = await store.claim(await accept(store))
    await store.close(job, JobState.CANCELLED, RequestAborted(AbortReason.MODERATOR), NOW, charge=Charge(300.0))
    usage = await Statistics(database).usage(5, last_days(1, NOW, ZoneInfo("UTC")), members=8)
    assert (usage.pictures_by_day, usage.gpu_ms_by_day) == ({NOW.date(): 0}, {NOW.date(): 300.0})


async def test_jobs_are_counted_once_by_how_they_ended(store: JobStore, database: Database) -> None:
    job = await drawn(store, NOW)
    await store.delivered(job, 1, NOW)
    with pytest.raises(Fenced):
        await store.delivered(job, 1, NOW)
    for state in (JobState.FAILED, JobState.CANCELLED, JobState.CANCELLED):
        await store.close(await store.claim(await accept(store)), state, OutOfMemory("less"), NOW)
    assert await Statistics(database).outcomes() == {"delivered": 1, "failed": 1, "cancelled": 2}


async def test_a_day_begins_at_midnight_of_the_servers_time_zone(store: JobStore, database: Database) -> None:
    rules = GuildRulesStore(database)
    await rules.change(lambda old: old.model_copy(update={"timezone": "Pacific/Auckland"}), ENTRY)
    # In Auckland the clocks went back on 5 April 2026 at 3:00: that day began at 11:00 UTC and had 25 hours.
    for asked in ("2026-04-04T10:59Z", "2026-04-04T11:00Z", "2026-04-05T11:59Z", "2026-04-05T12:00Z"):
        await drawn(store, datetime.fromisoformat(asked))
    days = last_days(3, datetime(2026, 4, 5, 20, tzinfo=UTC), ZoneInfo("Pacific/Auckland"))
    used = await Statistics(database).usage(5, days, members=8)
    assert {day.isoformat(): pictures for day, pictures in used.pictures_by_day.items()} == {
        "2026-04-04": 4,
        "2026-04-05": 8,
        "2026-04-06": 4,
    }


async def test_what_was_used_stays_used_until_a_member_is_erased(
    store: JobStore, database: Database, tmp_path: Path
) -> None:
    job = await drawn(store, NOW)
    await store.delivered(job, 1, NOW)
    retention, statistics = Retention(database, PictureStore.open(tmp_path / "pictures")), Statistics(database)
    today = last_days(1, NOW, ZoneInfo("UTC"))
    await retention.delete_job(job.id)
    assert (await statistics.usage(5, today, members=8)).gpu_ms_by_member == {1: 500.0}
    await retention.erase_member(1)
    assert (await statistics.usage(5, today, members=8)).gpu_ms_by_member == {}


async def test_sums_are_made_from_the_jobs_that_are_there(store: JobStore, database: Database) -> None:
    await GuildRulesStore(database).change(lambda old: old.model_copy(update={"timezone": "Pacific/Auckland"}), ENTRY)
    for hours in (0, 5, 30):
        await store.delivered(await drawn(store, NOW - timedelta(hours=hours), member=1 + hours % 2), None, NOW)
    for charge in (None, Charge(300.0)):
        job = await store.claim(await accept(store))
        await store.close(job, JobState.CANCELLED, RequestAborted(AbortReason.MODERATOR), NOW, charge=charge)
    before = await sums(database)
    engine = create_async_engine(database.url)
    async with engine.connect() as connection, without_cascades(connection), connection.begin():
        for migrate in (_back, _forth):
            await connection.run_sync(migrate)
    await engine.dispose()
    assert await sums(database) == before
    assert [len(rows) for rows in before] == [3, 3, 2]


async def sums(database: Database) -> list[list[tuple[Any, ...]]]:
    async with database.read() as connection:
        tables = (member_days, model_days, outcomes)
        return [sorted(tuple(row) for row in await connection.execute(sa.select(table))) for table in tables]


def _back(connection: sa.Connection) -> None:
    command.downgrade(config(connection), "0004")


def _forth(connection: sa.Connection) -> None:
    command.upgrade(config(connection), "head")


def config(connection: sa.Connection) -> Config:
    found = Config()
    found.set_main_option("script_location", str(files("bot.store") / "migrations"))
    found.attributes["connection"] = connection
    return found


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
