"""Quarantine: hides a job and everything made from its pictures, and takes that back."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.jobs import error_codec
from bot.domain.model import Job, JobState, OutboxKind
from bot.errors import PictureHidden
from bot.store.database import Database
from bot.store.jobs.job_reads import LIVE, job_from
from bot.store.jobs.jobs import owe
from bot.store.schema import jobs, outbox
from bot.store.schema_consent import inputs, quarantined
from bot.store.turns import alone

_HIDDEN_FROM = (JobState.DELIVERED, JobState.RENDERED, JobState.REVIEW)


class Quarantines:
    """Each method is one transaction; again is harmless."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hide(self, root_id: str, now: datetime) -> list[Job]:
        """Hide a job and all that was made from its pictures. Returns those as they are then, oldest first.

        Live ones are not hidden: stop them, and call it again.
        """
        async with self._database.write() as connection:
            await alone(connection)
            found = await _made_from(connection, root_id)
            for job in found:
                await _hide(connection, job, root_id, now)
            return await _read(connection, [job.id for job in found])

    async def lift(self, root_id: str, now: datetime) -> list[Job]:
        """Bring back what only this quarantine hides. Returns those as they are then, oldest first."""
        theirs = quarantined.c.root_id == root_id
        async with self._database.write() as connection:
            await alone(connection)
            query = sa.select(quarantined.c.job_id, quarantined.c.was).where(theirs)
            was = {row.job_id: row.was for row in await connection.execute(query)}
            await connection.execute(sa.delete(quarantined).where(theirs))
            still = set(await connection.scalars(sa.select(quarantined.c.job_id).where(quarantined.c.job_id.in_(was))))
            for job in await _read(connection, [job_id for job_id in was if job_id not in still]):
                await _bring_back(connection, job, JobState(was[job.id]), now)
            return await _read(connection, [job_id for job_id in was if job_id not in still])

    async def holds(self, root_id: str, guild_id: int) -> bool:
        """Whether this very job of that server was put into quarantine; it may be deleted by now."""
        here = quarantined.c.root_id == root_id, jobs.c.guild_id + 0 == guild_id
        query = sa.select(quarantined.c.job_id).join(jobs).where(*here).limit(1)
        async with self._database.read() as connection:
            return await connection.scalar(query) is not None


async def _made_from(connection: AsyncConnection, root_id: str) -> list[Job]:
    """The job, and what was made from its pictures, through any input: drawn again from words alone is not."""
    made = sa.select(jobs.c.id, sa.true().label("is_root")).where(jobs.c.id == root_id).cte("made", recursive=True)
    of_picture = sa.or_(inputs.c.is_picture, sa.not_(made.c.is_root))
    child = sa.select(inputs.c.job_id, sa.false()).join(made, inputs.c.input_id == made.c.id).where(of_picture)
    made = made.union(child)
    return await _read(connection, list(await connection.scalars(sa.select(made.c.id))))


async def _hide(connection: AsyncConnection, job: Job, root_id: str, now: datetime) -> None:
    others = sa.select(quarantined.c.was).where(quarantined.c.job_id == job.id)
    before = (await connection.execute(others.add_columns(quarantined.c.root_id))).all()
    if job.state in LIVE or root_id in {row.root_id for row in before}:
        return
    if job.state is not JobState.HIDDEN and job.state not in _HIDDEN_FROM:
        return  # failed or cancelled: there is no picture
    was = before[0].was if before else job.state.value
    await connection.execute(sa.insert(quarantined).values(job_id=job.id, root_id=root_id, was=was))
    # The next epoch: a delivery under way is not written down.
    changed = sa.update(jobs).where(jobs.c.id == job.id).values(
        state=JobState.HIDDEN, epoch=jobs.c.epoch + 1, notify=False
    )  # fmt: skip
    if job.state is not JobState.HIDDEN:
        await connection.execute(changed)
    if job.state is JobState.RENDERED:
        await owe(connection, job, OutboxKind.CLOSED, now, error_codec.pack(PictureHidden()))


async def _bring_back(connection: AsyncConnection, job: Job, was: JobState, now: datetime) -> None:
    await connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(state=was))
    if was is JobState.RENDERED:
        await owe(connection, job, OutboxKind.RESULT, now)
    else:
        await connection.execute(sa.delete(outbox).where(outbox.c.job_id == job.id))


async def _read(connection: AsyncConnection, ids: list[str]) -> list[Job]:
    query = sa.select(jobs).where(jobs.c.id.in_(ids)).order_by(jobs.c.created_at, jobs.c.id)
    return [job_from(row) for row in (await connection.execute(query)).mappings()]
