"""Who used how much, and how long they waited: the numbers behind `/stats` and the host's reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.model import JobState, Verb
from bot.domain.usage import DayUse
from bot.domain.windows import Span
from bot.store.database import Database
from bot.store.schema import jobs

_MOST_WAITS = 10_000


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How jobs ended."""

    delivered: int = 0
    failed: int = 0
    cancelled: int = 0


class Statistics:
    """Counted from the jobs as they are stored; a deleted job is not counted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def uses(self, guild_id: int | None, days: Iterable[Span]) -> list[DayUse]:
        """By day, member and model, of one server or of all; only jobs that used a device."""
        async with self._database.read() as connection:
            # A query for each day: no database knows when days begin in another time zone.
            return [use for day in days for use in await _uses(connection, guild_id, day)]

    async def waits(self, guild_id: int | None, since: datetime) -> list[timedelta]:
        """How long each job waited for its turn, the newest first."""
        query = (
            sa.select(jobs.c.created_at, jobs.c.started_at)
            .where(*_of(guild_id, since), jobs.c.started_at.is_not(None))
            .order_by(jobs.c.created_at.desc())
            .limit(_MOST_WAITS)
        )
        async with self._database.read() as connection:
            return [max(timedelta(), started - asked) for asked, started in await connection.execute(query)]

    async def outcomes(self, guild_id: int | None, since: datetime) -> Outcomes:
        """How the jobs asked for since then ended."""
        query = (
            sa.select(jobs.c.state, sa.func.count().label("jobs")).where(*_of(guild_id, since)).group_by(jobs.c.state)
        )
        async with self._database.read() as connection:
            counted = {row.state: row.jobs for row in await connection.execute(query)}
        ended = (JobState.DELIVERED, JobState.FAILED, JobState.CANCELLED)
        return Outcomes(**{state.value: counted.get(state.value, 0) for state in ended})


def _of(guild_id: int | None, since: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    here = () if guild_id is None else (jobs.c.guild_id == guild_id,)
    return (*here, jobs.c.created_at >= since)


async def _uses(connection: AsyncConnection, guild_id: int | None, day: Span) -> list[DayUse]:
    has_pictures = sa.and_(jobs.c.rendered_at.is_not(None), jobs.c.verb != Verb.DESCRIBE)
    drawn = sa.func.sum(sa.case((has_pictures, jobs.c.count), else_=0))
    query = (
        sa.select(jobs.c.member_id, jobs.c.model, sa.func.count(), drawn, sa.func.sum(jobs.c.gpu_ms))
        .where(*_of(guild_id, day.start), jobs.c.created_at < day.end, jobs.c.gpu_ms.is_not(None))
        .group_by(jobs.c.member_id, jobs.c.model)
        .order_by(jobs.c.member_id, jobs.c.model)
    )
    return [DayUse(date.fromisoformat(day.key), *row) for row in await connection.execute(query)]
