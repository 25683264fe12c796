"""Updates the running sums in the transaction that ends a job, so that each job counts once."""

from __future__ import annotations

import functools
import math

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.model import Job, JobState
from bot.store.schema_sums import member_days, model_days, outcomes


async def count_use(connection: AsyncConnection, job: Job, day: str, pictures: int, gpu_ms: float) -> None:
    """Add a job's pictures and device time (ms) to the sums of `day` (YYYY-MM-DD)."""
    here = {"guild_id": job.rules_id, "day": day}
    used = {"gpu_ms": math.ceil(gpu_ms)}
    await _add(connection, member_days, {**here, "member_id": job.member_id}, used)
    await _add(connection, model_days, {**here, "model": job.model}, {**used, "jobs": 1, "pictures": pictures})


async def count_outcome(connection: AsyncConnection, state: JobState) -> None:
    """Add a job to the count of its final state; last in a transaction, as all of them wait for this row."""
    await _add(connection, outcomes, {"state": state.value}, {"jobs": 1})


async def _add(connection: AsyncConnection, table: sa.Table, key: dict[str, int | str], more: dict[str, int]) -> None:
    await connection.execute(_adding(connection.dialect.name, table, tuple(key), tuple(more)), {**key, **more})


@functools.cache
def _adding(dialect: str, table: sa.Table, key: tuple[str, ...], summed: tuple[str, ...]) -> sa.Insert:
    """Built once: every job that ends is added to sums."""
    row = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    sums = {name: table.c[name] + row.excluded[name] for name in summed}
    return row.on_conflict_do_update(index_elements=list(key), set_=sums)
