"""The quota ledger: reserves at acceptance, settles by measured cost, refunds. Each takes effect exactly once."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from bot.domain.model import Ask, Job, Member, Place
from bot.domain.moderation.audit_entry import AuditEntry
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.quotas.quota import Limit, Scope, Unit, Use, channel_limit, member_limit, pictures
from bot.domain.quotas.windows import Span, Window, span, zone
from bot.errors import QuotaExceeded, TooManyJobs
from bot.store.database import Database, add
from bot.store.guilds import quota_counters
from bot.store.guilds.audit_log import record
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_counters import Counter, span_key
from bot.store.jobs.job_reads import is_live
from bot.store.schema import jobs
from bot.store.schema_rules import reservations
from bot.store.schema_sums import member_days, model_days

_KEPT = timedelta(days=40)
"""Counters and reservations stay this long after their window; longer than the longest window, a month."""
_REMEMBERED = 1000
_RESERVE = sa.insert(reservations)


class Quotas:
    """Implements `bot.store.jobs.jobs.Ledger`, and the quota commands of moderators."""

    def __init__(self, database: Database, rules: GuildRulesStore) -> None:
        self._database, self._rules = database, rules
        self._restricted: dict[str, bool] = {}
        """Whether new jobs were asked for in age-restricted channels; that never changes."""

    async def reserve(self, connection: AsyncConnection, job: Job, ask: Ask, now: datetime) -> None:
        """Reserve the job's pictures and estimated device time in the caller's transaction.

        Raises `QuotaExceeded` or `TooManyJobs`; the caller must then roll back.
        """
        rules = await self._rules.load(connection, job.rules_id)
        await _refuse_too_many(connection, rules, job.member_id)
        counted = _counters(rules, ask.member, _pool(ask.place), now)
        cost = {Unit.PICTURES: pictures(job.spec.verb, job.spec.count), Unit.GPU_SECONDS: math.ceil(job.estimate_ms)}
        if job.spec.options.relax:
            cost = dict.fromkeys(cost, 0)
        refused = await quota_counters.add_within(connection, counted, cost)
        if refused:
            await _refuse(connection, refused, cost)
        held = {"held_pictures": cost[Unit.PICTURES], "held_ms": cost[Unit.GPU_SECONDS], "pictures": 0, "gpu_ms": 0}
        where = {"channel_id": _pool(ask.place), "age_restricted": ask.place.age_restricted}
        spans = sorted({counter.span_key for counter in counted})
        reserved = {
            "job_id": job.id, "guild_id": rules.guild_id, "member_id": job.member_id, "state": "held", "spans": spans,
            "created_at": now, **where, **held,
        }  # fmt: skip
        await connection.execute(_RESERVE, reserved)
        if len(self._restricted) >= _REMEMBERED:
            self._restricted.pop(next(iter(self._restricted)))
        self._restricted[job.id] = ask.place.age_restricted

    # --- for a caller that has its turn, see `bot.store.turns` --------------------------------------------------

    async def settle(self, connection: AsyncConnection, job: Job, pictures: int, gpu_ms: float, now: datetime) -> None:
        """Charge `pictures` and `gpu_ms` (measured ms) instead of the reservation; a second call does nothing."""
        is_free = job.spec.options.relax
        charged = {"pictures": 0 if is_free else pictures, "gpu_ms": 0 if is_free else math.ceil(gpu_ms)}
        row = await _move(connection, job.id, "held", state="settled", **charged)
        if row is not None:
            await _correct(connection, row, charged["pictures"] - row.held_pictures, charged["gpu_ms"] - row.held_ms)
            await _count(connection, job, _day(row.spans), pictures, gpu_ms)

    async def refund(self, connection: AsyncConnection, job_id: str, now: datetime) -> None:
        """Give back the whole reservation or charge; a second call does nothing."""
        if (row := await _move(connection, job_id, "held", state="refunded")) is not None:
            await _correct(connection, row, -row.held_pictures, -row.held_ms)
        elif (row := await _move(connection, job_id, "settled", state="refunded")) is not None:
            await _correct(connection, row, -row.pictures, -row.gpu_ms)

    async def waive(self, connection: AsyncConnection, job_id: str, now: datetime) -> None:
        """Give back the charged pictures; the device time stays charged."""
        row = await _read(connection, job_id)
        if row is not None and row.state == "settled" and row.pictures:
            await _move(connection, job_id, "settled", pictures=0)
            await _correct(connection, row, -row.pictures, 0)

    # --- questions and grants -----------------------------------------------------------------------------

    async def was_age_restricted(self, job_id: str) -> bool:
        """Whether the job was asked for in an age-restricted channel; False for an unknown job."""
        if (known := self._restricted.get(job_id)) is not None:
            return known
        query = sa.select(reservations.c.age_restricted).where(reservations.c.job_id == job_id)
        async with self._database.read() as connection:
            return bool(await connection.scalar(query))

    async def uses(self, member: Member, place: Place, now: datetime) -> list[Use]:
        """Return the limits that count for a member in a place, and what is used of each."""
        async with self._database.read() as connection:
            rules = await self._rules.load(connection, place.rules_id)
            limited = [item for item in _counters(rules, member, _pool(place), now) if item.limit is not None]
            readings = await quota_counters.readings(connection, limited)
        return [_use(counter, reading) for counter, reading in zip(limited, readings, strict=True)]

    async def grant(self, limit: Limit, guild_id: int, now: datetime, entry: AuditEntry) -> None:
        """Raise a member's or channel's limit by `limit.amount` in the current window, once for each interaction."""
        async with self._database.write((guild_id,)) as connection:
            running = _spans(await self._rules.load(connection, guild_id), now)[limit.window]
            counter = Counter(guild_id, limit.scope, limit.subject_id, limit.unit, limit.window, running)
            if await record(connection, entry):
                await quota_counters.grant(connection, counter, limit.cap or 0)

    async def reset(self, guild_id: int, scope: Scope, subject_id: int, now: datetime, entry: AuditEntry) -> None:
        """Forgive the use of a member or a channel in all current windows, once for each interaction."""
        async with self._database.write((guild_id,)) as connection:
            spans = _spans(await self._rules.load(connection, guild_id), now)
            keys = [span_key(window, running.key) for window, running in spans.items()]
            if await record(connection, entry):
                await quota_counters.forgive(connection, guild_id, scope, subject_id, keys)

    async def tidy(self, now: datetime) -> None:
        """Delete counters and reservations of windows that ended `_KEPT` ago, except reservations still held."""
        is_over = (reservations.c.created_at < now - _KEPT, reservations.c.state != "held")
        async with self._database.write() as connection:
            await quota_counters.tidy(connection, now - _KEPT)
            await connection.execute(sa.delete(reservations).where(*is_over))


def _pool(place: Place) -> int:
    """Return the channel whose pool is used: the parent channel for a thread."""
    return place.parent_channel_id or place.channel_id


def _day(spans: Iterable[str]) -> str:
    """Return the day (YYYY-MM-DD) among the span keys of a reservation."""
    return next(key for window, _, key in (span.partition(" ") for span in spans) if window == Window.DAY)


def _spans(rules: GuildRules, now: datetime) -> dict[Window, Span]:
    zoned = zone(rules.timezone)
    return {window: span(window, now, zoned) for window in Window}


def _counters(rules: GuildRules, member: Member, channel_id: int, now: datetime) -> list[Counter]:
    """Return every counter of a job, limited or not, so that a limit set later includes earlier use."""
    spans = _spans(rules, now)
    return [
        Counter(rules.guild_id, scope, subject, unit, window, spans[window], limit)
        for unit in Unit
        for window in Window
        for scope, subject, limit in (
            (Scope.MEMBER, member.id, member_limit(rules.limits, unit, window, member)),
            (Scope.CHANNEL, channel_id, channel_limit(rules.limits, unit, window, channel_id)),
        )
    ]


async def _refuse_too_many(connection: AsyncConnection, rules: GuildRules, member_id: int) -> None:
    if rules.max_live_jobs is None:
        return
    # The count excludes the new job, whose reservation is inserted later.
    theirs = (jobs.c.member_id == member_id, is_live(), reservations.c.guild_id == rules.guild_id)
    held = jobs.join(reservations, reservations.c.job_id == jobs.c.id)
    live = await connection.scalar(sa.select(sa.func.count()).select_from(held).where(*theirs)) or 0
    if live >= rules.max_live_jobs:
        raise TooManyJobs(live, rules.max_live_jobs)


async def _refuse(connection: AsyncConnection, refused: Iterable[Counter], cost: dict[Unit, int]) -> None:
    """Raise `QuotaExceeded` for the refused limit whose window ends last."""
    counter = max(refused, key=lambda item: item.span.end)
    (reading,) = await quota_counters.readings(connection, [counter])
    use, needed = _use(counter, reading), cost[counter.unit] / counter.unit.scale
    whose = "this channel's pool" if use.scope is Scope.CHANNEL else "yours"
    raise QuotaExceeded(f"{whose}, each {use.window}", str(use.unit), use.used, use.limit or 0.0, needed, use.resets_at)


def _use(counter: Counter, reading: quota_counters.Reading) -> Use:
    scale, cap = counter.unit.scale, counter.cap
    return Use(
        scope=counter.limit.scope if counter.limit else counter.scope,
        unit=counter.unit,
        window=counter.window,
        used=reading.used / scale,
        limit=None if cap is None else (cap + reading.granted) / scale,
        resets_at=counter.span.end,
    )


async def _read(connection: AsyncConnection, job_id: str) -> sa.Row[Any] | None:
    query = sa.select(reservations).where(reservations.c.job_id == job_id)
    return (await connection.execute(query)).one_or_none()


async def _move(connection: AsyncConnection, job_id: str, before: str, **values: Any) -> sa.Row[Any] | None:
    """Update a reservation if it is in the state `before`; return its new row, or None."""
    known = {"job": job_id, "before": before, **{f"to_{name}": value for name, value in values.items()}}
    return (await connection.execute(_moving(tuple(values)), known)).one_or_none()


@functools.cache
def _moving(names: tuple[str, ...]) -> ReturningUpdate[Any]:
    """Built once for each set of columns."""
    here = reservations.c.job_id == sa.bindparam("job"), reservations.c.state == sa.bindparam("before")
    given = {name: sa.bindparam(f"to_{name}", type_=reservations.c[name].type) for name in names}
    return sa.update(reservations).where(*here).values(given).returning(*reservations.c)


async def _correct(connection: AsyncConnection, row: sa.Row[Any], pictures: int, gpu_ms: int) -> None:
    if not pictures and not gpu_ms:
        return
    subjects = {Scope.MEMBER: row.member_id, Scope.CHANNEL: row.channel_id}
    amounts = {Unit.PICTURES: pictures, Unit.GPU_SECONDS: gpu_ms}
    await quota_counters.correct(connection, row.guild_id, subjects, row.spans, amounts)


async def _count(connection: AsyncConnection, job: Job, day: str, pictures: int, gpu_ms: float) -> None:
    """Add a job's pictures and device time (ms) to the sums of `day` (YYYY-MM-DD)."""
    here, used = {"guild_id": job.rules_id, "day": day}, {"gpu_ms": math.ceil(gpu_ms)}
    await add(connection, member_days, {**here, "member_id": job.member_id}, used)
    await add(connection, model_days, {**here, "model": job.model}, {**used, "jobs": 1, "pictures": pictures})
