"""The ledger on a real database: reserved, settled and refunded exactly once, by as many at a time as there are."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import sqlite

from bot.domain.model import Ask, Charge, JobState, Member, Place, Verb
from bot.domain.moderation.access import ChannelRule
from bot.domain.moderation.audit_entry import AuditEntry
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.quotas.quota import Limit, Scope, Unit
from bot.domain.quotas.windows import Window
from bot.errors import Fenced, PictureBlocked, QuotaExceeded, StoreError, TooManyJobs
from bot.store.database import Database
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.admission import AdmissionLimits
from bot.store.jobs.job_reads import is_live
from bot.store.jobs.jobs import JobStore
from bot.store.schema import jobs
from bot.store.schema_rules import quota_counters, reservations
from tests.bot.store.asks import NOW, accept, ask, kept

GUILD = 5
HERE = Place(guild_id=GUILD, channel_id=10)
MODERATOR = AuditEntry(at=NOW, guild_id=GUILD, actor_id=9, action="quota set")


def limit(amount: float | None, scope: Scope = Scope.EVERYONE, subject: int = 0, **more: Any) -> Limit:
    return Limit(
        **{"scope": scope, "subject_id": subject, "unit": Unit.PICTURES, "window": Window.DAY, **more}, amount=amount
    )


class Desk:
    """Everything a quota needs, on one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.rules = GuildRulesStore(database)
        self.quotas = Quotas(database, self.rules)
        self.jobs = JobStore(database, self.quotas, limits=AdmissionLimits(1000))

    async def limit(self, *limits: Limit, **more: Any) -> None:
        await self.rules.change(lambda rules: rules.model_copy(update={"limits": limits, **more}), MODERATOR)

    async def used(self, unit: Unit = Unit.PICTURES, scope: str = "member", window: str = "day") -> int:
        query = sa.select(sa.func.coalesce(sa.func.sum(quota_counters.c.used), 0)).where(
            quota_counters.c.unit == unit, quota_counters.c.scope == scope, quota_counters.c.span.startswith(window)
        )
        async with self.database.read() as connection:
            return int(await connection.scalar(query) or 0)

    async def states(self) -> list[str]:
        async with self.database.read() as connection:
            return [row.state for row in await connection.execute(sa.select(reservations.c.state))]


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def one(member: int = 1, role_ids: tuple[int, ...] = (), place: Place | None = None, **more: Any) -> Ask:
    """An ask for one picture."""
    asked = ask(member=member, spec_fields={"count": 1}, **more)
    who = asked.member.model_copy(update={"role_ids": role_ids})
    return asked.model_copy(update={"member": who, "place": place or asked.place})


async def test_two_hundred_at_once_against_fifty(desk: Desk) -> None:
    await desk.limit(limit(50, Scope.CHANNEL, 10))
    results = await asyncio.gather(*(accept(desk.jobs, one(member)) for member in range(200)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, QuotaExceeded)]
    assert len(refused) == 150
    assert len(results) - len(refused) == 50 == await desk.used(scope="channel") == await desk.used()
    assert await desk.states() == ["held"] * 50


async def test_one_member_two_hundred_times_against_fifty(desk: Desk) -> None:
    await desk.limit(limit(50))
    results = await asyncio.gather(*(accept(desk.jobs, one()) for _ in range(200)), return_exceptions=True)
    assert sum(isinstance(result, QuotaExceeded) for result in results) == 150
    assert await desk.used() == 50


async def test_a_refusal_says_what_is_used_and_when_it_resets(desk: Desk) -> None:
    await desk.limit(limit(6), timezone="Europe/Berlin")
    await accept(desk.jobs)
    with pytest.raises(QuotaExceeded) as caught:
        await accept(desk.jobs)
    error = caught.value
    assert (error.used, error.limit, error.needed, error.unit) == (4, 6, 4, "pictures")
    assert error.resets_at == datetime(2026, 3, 1, 23, 0, tzinfo=UTC)
    assert await desk.used() == 4


async def test_what_was_measured_is_charged_once(desk: Desk) -> None:
    job = await desk.jobs.claim(await accept(desk.jobs))
    assert (await desk.used(), await desk.used(Unit.GPU_SECONDS)) == (4, 1000)
    job = await desk.jobs.keep(job, kept(job, count=3, gpu_ms=1700.4), NOW)
    assert (await desk.used(), await desk.used(Unit.GPU_SECONDS)) == (3, 1701)
    async with desk.database.write() as connection:
        await desk.quotas.settle(connection, job, 9, 9.0, NOW)
    assert (await desk.used(), await desk.used(Unit.GPU_SECONDS)) == (3, 1701)
    await desk.jobs.close(job, JobState.FAILED, PictureBlocked(), NOW)
    async with desk.database.write() as connection:
        await desk.quotas.refund(connection, job.id, NOW)
    assert (await desk.used(), await desk.used(Unit.GPU_SECONDS)) == (0, 0)
    assert await desk.states() == ["refunded"]


async def test_a_refund_gives_back_what_is_held(desk: Desk) -> None:
    await desk.limit(limit(4))
    job = await accept(desk.jobs)
    await desk.jobs.close(job, JobState.CANCELLED, PictureBlocked(), NOW)
    assert await desk.used() == 0
    await accept(desk.jobs)


async def test_cancelled_half_way_only_the_time_is_charged(desk: Desk) -> None:
    job = await accept(desk.jobs)
    await desk.jobs.close(job, JobState.CANCELLED, PictureBlocked(), NOW, Charge(400.0))
    assert (await desk.used(), await desk.used(Unit.GPU_SECONDS)) == (0, 400)


async def test_what_was_kept_meanwhile_is_not_cancelled_as_if_it_ran(desk: Desk) -> None:
    running = await desk.jobs.started(await desk.jobs.claim(await accept(desk.jobs)), NOW)
    kept_job = await desk.jobs.keep(running, kept(running), NOW)
    with pytest.raises(Fenced):
        await desk.jobs.close(running, JobState.CANCELLED, PictureBlocked(), NOW, Charge(10.0))
    assert (await desk.used(), (await desk.jobs.get(running.id)).state) == (4, JobState.RENDERED)
    await desk.jobs.close(kept_job, JobState.CANCELLED, PictureBlocked(), NOW)
    assert await desk.used() == 0


async def test_a_late_settlement_charges_the_window_of_its_hold(desk: Desk) -> None:
    job = await desk.jobs.claim(await accept(desk.jobs, now=NOW))
    await desk.jobs.keep(job, kept(job), NOW + timedelta(days=1))
    assert await desk.used() == 4
    assert [use.used for use in await desk.quotas.uses(Member(id=1, name="a"), HERE, NOW)] == []


async def test_the_widest_role_wins_and_a_members_own_limit_beats_it(desk: Desk) -> None:
    everyone, small, large = limit(1), limit(2, Scope.ROLE, 71), limit(4, Scope.ROLE, 72)
    await desk.limit(everyone, small, large, limit(3, Scope.MEMBER, 2))
    for member, roles, allowed in ((1, (), 1), (2, (71, 72), 3), (3, (71, 72), 4), (4, (71,), 2)):
        for _ in range(allowed):
            await accept(desk.jobs, one(member, roles))
        with pytest.raises(QuotaExceeded):
            await accept(desk.jobs, one(member, roles))


async def test_a_thread_uses_its_channels_pool(desk: Desk) -> None:
    await desk.limit(limit(1, Scope.CHANNEL, 10))
    await accept(desk.jobs, one(1, place=Place(guild_id=GUILD, channel_id=99, parent_channel_id=10)))
    with pytest.raises(QuotaExceeded, match="pool"):
        await accept(desk.jobs, one(2))


async def test_gpu_seconds_are_limited_by_the_estimate(desk: Desk) -> None:
    await desk.limit(limit(1.5, unit=Unit.GPU_SECONDS))
    await accept(desk.jobs, one())
    with pytest.raises(QuotaExceeded) as caught:
        await accept(desk.jobs, one())
    assert (caught.value.used, caught.value.limit, caught.value.unit) == (1.0, 1.5, "GPU-seconds")


async def test_a_job_above_the_limit_is_refused_unless_granted(desk: Desk) -> None:
    await desk.limit(limit(2))
    with pytest.raises(QuotaExceeded):
        await accept(desk.jobs)
    await desk.quotas.grant(limit(2, Scope.MEMBER, 1), GUILD, NOW, MODERATOR)
    await accept(desk.jobs)
    with pytest.raises(QuotaExceeded):
        await accept(desk.jobs, one())
    with pytest.raises(QuotaExceeded):
        await accept(desk.jobs, now=NOW + timedelta(days=1))


async def test_reset_begins_anew_and_the_ledger_stays_true(desk: Desk) -> None:
    await desk.limit(limit(4))
    await accept(desk.jobs)
    await desk.quotas.reset(GUILD, Scope.MEMBER, 1, NOW, MODERATOR)
    (use,) = await desk.quotas.uses(Member(id=1, name="a"), HERE, NOW)
    assert (use.used, use.limit) == (0, 4)
    await accept(desk.jobs)
    assert await desk.used() == 8


async def test_reset_holds_for_the_windows_of_a_new_time_zone(desk: Desk) -> None:
    await desk.limit(limit(4))
    await accept(desk.jobs)
    # The same day, which lasts eight hours longer from now on.
    await desk.limit(limit(4), timezone="America/Los_Angeles")
    late = NOW.replace(hour=0) + timedelta(days=1, hours=3)
    await desk.quotas.reset(GUILD, Scope.MEMBER, 1, late, MODERATOR)
    await accept(desk.jobs, now=late)


async def test_old_windows_are_forgotten_and_what_is_held_stays(desk: Desk) -> None:
    done, held = await desk.jobs.claim(await accept(desk.jobs)), await accept(desk.jobs)
    await desk.jobs.keep(done, kept(done), NOW)
    await desk.quotas.tidy(NOW + timedelta(days=30))
    assert await desk.used(window="month") == 8
    await desk.quotas.tidy(NOW + timedelta(days=90))
    assert (await desk.used(window="month"), await desk.states()) == (0, ["held"])
    await desk.jobs.close(held, JobState.CANCELLED, PictureBlocked(), NOW + timedelta(days=90))
    assert await desk.states() == ["refunded"]


async def test_a_limit_set_later_finds_what_was_used_before(desk: Desk) -> None:
    await accept(desk.jobs)
    await desk.limit(limit(4))
    with pytest.raises(QuotaExceeded):
        await accept(desk.jobs, one())


async def test_captions_cost_time_but_no_picture(desk: Desk) -> None:
    await desk.limit(limit(0))
    await accept(desk.jobs, ask(verb=Verb.DESCRIBE))
    assert await desk.used() == 0


async def test_a_member_has_so_many_jobs_at_once(desk: Desk) -> None:
    await desk.limit(max_live_jobs=2)
    await accept(desk.jobs, one())
    await accept(desk.jobs, one())
    with pytest.raises(TooManyJobs) as caught:
        await accept(desk.jobs, one())
    assert (caught.value.waiting, caught.value.limit) == (2, 2)


async def test_rules_survive_a_restart_and_each_others_changes(desk: Desk) -> None:
    def allow(channel: int) -> Any:
        return lambda rules: rules.model_copy(update={"channels": (*rules.channels, ChannelRule(channel_id=channel))})

    await asyncio.gather(*(desk.rules.change(allow(channel), MODERATOR) for channel in range(20)))
    rules = await GuildRulesStore(desk.database).get(GUILD)
    assert {rule.channel_id for rule in rules.channels} == set(range(20))
    assert await desk.rules.get(6) == GuildRules(guild_id=6)


async def test_a_refused_change_changes_nothing_and_logs_nothing(desk: Desk) -> None:
    def refuse(rules: GuildRules) -> GuildRules:
        raise ValueError

    with pytest.raises(ValueError):
        await desk.rules.change(refuse, MODERATOR)
    assert await desk.rules.get(GUILD) == GuildRules(guild_id=GUILD)


async def test_an_admission_is_few_statements_and_reads_no_rules(desk: Desk) -> None:
    await desk.limit(limit(40))
    said: list[str] = []
    async with desk.database.write() as connection:
        engine = connection.sync_engine
    event.listen(engine, "before_cursor_execute", lambda _c, _k, statement, *_: said.append(statement.split("(")[0]))
    await accept(desk.jobs, one())
    turn = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock_shared"}[engine.dialect.name]
    assert said == [turn, "INSERT INTO jobs ", "INSERT INTO quota_counters ", "INSERT INTO reservations "]


async def test_a_change_by_two_at_once_is_seen_by_the_next_admission(desk: Desk) -> None:
    await desk.limit(limit(50))
    await asyncio.gather(desk.limit(limit(1)), desk.limit(limit(1), timezone="Asia/Tokyo"))
    stored = await GuildRulesStore(desk.database).get(GUILD)
    assert await desk.rules.get(GUILD) == stored
    await accept(desk.jobs, one())
    with pytest.raises(QuotaExceeded):
        await accept(desk.jobs, one())


async def test_rules_whose_writing_failed_are_read_anew(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.limit(limit(50))
    with monkeypatch.context() as broken:

        async def committed_and_lost(*_: object) -> None:
            async with desk.database.read() as connection:
                await connection.execute(sa.text("SELECT * FROM nowhere"))

        broken.setattr("bot.store.guilds.guild_rules.record", committed_and_lost)
        with pytest.raises(StoreError):
            await desk.limit(limit(1))
    assert (await desk.rules.get(GUILD)).limits == (limit(50),)


async def test_live_jobs_are_counted_from_the_index_alone(desk: Desk) -> None:
    if desk.database.path is None:
        pytest.skip("a small table on PostgreSQL is read as it is")
    query = sa.select(sa.func.count()).select_from(jobs).where(is_live())
    for where, how in ((sa.true(), "SCAN"), (jobs.c.member_id == 1, "SEARCH")):
        asked = query.where(where).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
        async with desk.database.read() as connection:
            plan = [row.detail for row in await connection.execute(sa.text(f"EXPLAIN QUERY PLAN {asked}"))]
        assert [line.split(" (")[0] for line in plan] == [f"{how} jobs USING COVERING INDEX ix_jobs_unfinished"]
