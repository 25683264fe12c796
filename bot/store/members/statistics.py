"""Use and waiting times, for `/stats` and `/metrics`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa

from bot.domain.quotas.usage import Usage
from bot.domain.quotas.windows import Span
from bot.store.database import Database
from bot.store.schema import jobs
from bot.store.schema_sums import member_days, model_days, outcomes

_MOST_WAITS = 5_000
_Key = TypeVar("_Key")


class Statistics:
    """Reads the running sums, which keep the use of deleted jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def usage(self, guild_id: int, days: Sequence[Span], members: int) -> Usage:
        """Return the use by day, by model, and by member for the `members` with most use."""
        first, last = days[0].key, days[-1].key
        pictures, gpu_ms, models = Counter[date](), Counter[date](), Counter[str]()
        async with self._database.study() as connection:
            for row in await connection.execute(_by_model(guild_id, first, last)):
                day = date.fromisoformat(row.day)
                pictures[day] += row.pictures
                gpu_ms[day] += row.gpu_ms
                models[row.model] += row.gpu_ms
            most = await connection.execute(_by_member(guild_id, first, last).limit(members))
            by_member = {row.member_id: float(row.gpu_ms) for row in most}
        return Usage(pictures, _floats(gpu_ms), by_member, _floats(dict(models.most_common())))

    async def waits(self, guild_id: int | None, since: datetime) -> list[timedelta]:
        """Return the waiting time of each of the newest 5,000 started jobs since then, newest first."""
        here = () if guild_id is None else (jobs.c.guild_id == guild_id,)
        query = (
            sa.select(jobs.c.created_at, jobs.c.started_at)
            .where(*here, jobs.c.created_at >= since, jobs.c.started_at.is_not(None))
            .order_by(jobs.c.created_at.desc())
            .limit(_MOST_WAITS)
        )
        async with self._database.study() as connection:
            return [max(timedelta(), started - asked) for asked, started in await connection.execute(query)]

    async def outcomes(self) -> Mapping[str, int]:
        """Return the number of jobs by final state, since the database was created."""
        async with self._database.read() as connection:
            return {row.state: row.jobs for row in await connection.execute(sa.select(outcomes))}


def _by_model(guild_id: int, first: str, last: str) -> sa.Select[str, str, int, int]:
    used = (model_days.c.day, model_days.c.model, model_days.c.pictures, model_days.c.gpu_ms)
    return sa.select(*used).where(model_days.c.guild_id == guild_id, model_days.c.day.between(first, last))


def _by_member(guild_id: int, first: str, last: str) -> sa.Select[int, int]:
    spent = sa.func.sum(member_days.c.gpu_ms).label("gpu_ms")
    theirs = (member_days.c.guild_id == guild_id, member_days.c.day.between(first, last))
    query = sa.select(member_days.c.member_id, spent).where(*theirs).group_by(member_days.c.member_id)
    return query.order_by(spent.desc(), member_days.c.member_id)


def _floats(sums: Mapping[_Key, int]) -> dict[_Key, float]:
    return {key: float(value) for key, value in sums.items()}
