"""Queries of jobs and their cells, and the values that their rows hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.model import Cell, Job, JobSpec, JobState, ReplyTo
from bot.domain.quotas.usage import Served
from bot.errors import JobNotFound
from bot.store.database import Database
from bot.store.schema import cells, is_cancelled, is_unfinished, jobs, posts, sealed_words

LIVE = (JobState.QUEUED, JobState.RUNNING)
_PLAIN = tuple(
    column.name
    for column in jobs.c
    if column.name in Job.model_fields and column.name not in {"spec", "reply", "state", "notes", "captions"}
)
Columns = Mapping[str, Any] | sa.RowMapping


def is_live(table: sa.FromClause = jobs) -> sa.ColumnElement[bool]:
    """The condition "queued or running". It repeats "unfinished", so that the planner uses the partial index."""
    return is_unfinished(table) & table.c.state.in_(LIVE)


class JobReads:
    """The queries of `JobStore`; each is one consistent view of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, job_id: str) -> Job:
        """Return a job. Raises `JobNotFound`."""
        return await self._one(sa.select(jobs).where(jobs.c.id == job_id), job_id)

    async def at_message(self, message_id: int) -> tuple[Job, int | None]:
        """Return the job that a message shows, and the cell when it shows one cell. Raises `JobNotFound`."""
        async with self._database.read() as connection:
            query = sa.select(posts.c.job_id, posts.c.cell).where(posts.c.message_id == message_id)
            found = (await connection.execute(query)).one_or_none()
        if found is None:
            by_reply = sa.select(jobs).where(jobs.c.message_id == message_id)
            return await self._one(by_reply, str(message_id)), None
        return await self.get(found.job_id), found.cell

    async def unfinished(self) -> list[Job]:
        """Return all jobs that are not final, oldest first."""
        return await self._in_flight(is_unfinished())

    async def here(self) -> set[str]:
        """Return the ids of the queued and running jobs that are this bot's work."""
        query = sa.select(jobs.c.id).where(is_live(), *self._database.ours(jobs.c.guild_id))
        async with self._database.read() as connection:
            return set(await connection.scalars(query))

    async def served(self, since: datetime) -> dict[str, Served]:
        """Return device time and weight by member id, for jobs rendered, or cancelled while running, since then.

        The weight is the mean of the jobs' weights, weighted so that time / weight adds up to the virtual time.
        """
        spent = sa.select(jobs.c.member_id, jobs.c.gpu_ms, jobs.c.weight)
        drawn = spent.where(jobs.c.rendered_at >= since, jobs.c.gpu_ms > 0)
        # The condition "not rendered", in a form for which SQLite does not choose the index of `rendered_at`.
        undrawn = sa.func.coalesce(jobs.c.rendered_at, jobs.c.finished_at) == jobs.c.finished_at
        cancelled = spent.where(is_cancelled(), jobs.c.finished_at >= since, jobs.c.gpu_ms > 0, undrawn)
        all_ = sa.union_all(drawn, cancelled).subquery()
        gpu_ms, virtual_ms = sa.func.sum(all_.c.gpu_ms), sa.func.sum(all_.c.gpu_ms / all_.c.weight)
        query = sa.select(all_.c.member_id, gpu_ms, virtual_ms).group_by(all_.c.member_id)
        async with self._database.read() as connection:
            return {str(member): Served(ms, ms / virtual) for member, ms, virtual in await connection.execute(query)}

    async def active(self, member_id: int | None = None, guild_id: int | None = None) -> list[Job]:
        """Return queued and running jobs, oldest first: of one member, of one server, or all."""
        theirs = () if member_id is None else (jobs.c.member_id == member_id,)
        # `+ 0` keeps SQLite from the index of all the server's jobs, which is slower here.
        here = () if guild_id is None else (jobs.c.guild_id + 0 == guild_id,)
        return await self._in_flight(is_live(), *theirs, *here)

    async def recent(self, member_id: int, limit: int, guild_id: int | None = None) -> list[Job]:
        """Return a member's newest jobs, newest first: on one server, or all."""
        mine = sa.select(jobs).where(jobs.c.member_id == member_id)
        if guild_id is not None:
            mine = mine.where(jobs.c.guild_id == guild_id)
        return await self._all(mine.order_by(jobs.c.created_at.desc(), jobs.c.id).limit(limit))

    async def children(self, job_id: str) -> list[Job]:
        """Return the jobs that were derived directly from a job, oldest first."""
        derived = sa.select(jobs).where(jobs.c.parent_id == job_id)
        return await self._all(derived.order_by(jobs.c.created_at, jobs.c.id))

    async def cells(self, job_id: str) -> list[Cell]:
        """Return the kept cells of a job, in cell order."""
        query = sa.select(cells).where(cells.c.job_id == job_id).order_by(cells.c.cell)
        async with self._database.read() as connection:
            return [cell_from(row) for row in (await connection.execute(query)).mappings()]

    async def words_of(self, job_id: str) -> str | None:
        """Return the prompt of a sealed job; None where it is not sealed."""
        query = sa.select(sealed_words.c.prompt).where(sealed_words.c.job_id == job_id)
        async with self._database.read() as connection:
            return await connection.scalar(query)

    async def family(self, job_id: str, limit: int = 300) -> list[Job]:
        """Return the job, its ancestors and all their descendants, oldest first; at most `limit`, the newest ones."""
        mine = sa.select(jobs.c.id, jobs.c.parent_id).where(jobs.c.id == job_id).cte("ancestors", recursive=True)
        ancestors = mine.union(sa.select(jobs.c.id, jobs.c.parent_id).join(mine, jobs.c.id == mine.c.parent_id))
        kin = sa.select(ancestors.c.id).cte("kin", recursive=True)
        kin = kin.union(sa.select(jobs.c.id).join(kin, jobs.c.parent_id == kin.c.id))
        query = sa.select(jobs).where(jobs.c.id.in_(sa.select(kin.c.id)))
        is_ancestor = jobs.c.id.in_(sa.select(ancestors.c.id))
        found = await self._all(query.order_by(is_ancestor.desc(), jobs.c.created_at.desc()).limit(limit))
        return sorted(found, key=lambda job: (job.created_at, job.id))

    async def _in_flight(self, *conditions: sa.ColumnElement[bool]) -> list[Job]:
        """Sort in Python: with ORDER BY, SQLite would scan the index of all creation times."""
        found = await self._all(sa.select(jobs).where(*conditions))
        return sorted(found, key=lambda job: (job.created_at, job.id))

    async def _all(self, query: sa.Select[Any]) -> list[Job]:
        """Those that can be read; the others are set aside and named."""
        async with self._database.read() as connection:
            try:
                return [job_from(row) for row in (await connection.execute(query)).mappings()]
            except (ValueError, TypeError):
                ids = list(await connection.scalars(query.with_only_columns(jobs.c.id)))
                found = [
                    await self._readable(connection, sa.select(jobs).where(jobs.c.id == each), each) for each in ids
                ]
                return [job for job in found if job is not None]

    async def _one(self, query: sa.Select[Any], asked_for: str) -> Job:
        async with self._database.read() as connection:
            job = await self._readable(connection, query, asked_for)
        if job is None:
            raise JobNotFound(asked_for)
        return job

    async def _readable(self, connection: AsyncConnection, query: sa.Select[Any], asked_for: str) -> Job | None:
        """None where there is no such row, or this version cannot read it."""
        try:
            row = (await connection.execute(query)).mappings().first()
            return None if row is None else job_from(row)
        except (ValueError, TypeError) as error:
            found = await connection.scalar(query.with_only_columns(jobs.c.id))
            self._database.unreadable.set_aside("jobs", found or asked_for, error)
            return None


def job_from(columns: Columns) -> Job:
    """Make a job from the columns of its row; fields of a newer version are ignored."""
    reply = ReplyTo.model_validate_json(columns["reply"], extra="ignore").model_copy(
        update={
            "message_id": columns["message_id"],
            "token": columns["token"] or "",
            "expires_at": columns["token_until"],
        }
    )
    return Job(
        **{name: columns[name] for name in _PLAIN},
        state=JobState(columns["state"]),
        spec=JobSpec.model_validate_json(columns["spec"], extra="ignore"),
        index=columns["ask_index"],
        reply=reply,
        notes=tuple(columns["notes"]),
        captions=tuple(columns["captions"]),
    )


def cell_from(columns: Columns) -> Cell:
    """Make a cell from the columns of its row."""
    return Cell.model_validate(columns)
