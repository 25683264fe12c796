"""The outbox: deliveries that are still owed to Discord. `JobStore` inserts the entries."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa

from bot.domain.model import LONGEST_DELAY, OutboxEntry, OutboxKind
from bot.store.database import Database
from bot.store.schema import jobs, outbox

_KINDS = [kind.value for kind in OutboxKind]
_LOOK_EVERY = timedelta(minutes=1)


class OutboxStore:
    """Implements `bot.domain.ports.Outbox` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked_at: datetime | None = None

    async def due(self, now: datetime, *, besides: Collection[str] = (), limit: int = 50) -> list[OutboxEntry]:
        """Return entries that are due, oldest first, except those of the jobs in `besides`.

        Entries further ahead than `LONGEST_DELAY` are due as well: the clock was set back after they were written.
        """
        if self._looked_at is None or abs(now - self._looked_at) >= _LOOK_EVERY:
            await self.set_unknown_aside()
            self._looked_at = now
        is_due = (outbox.c.due_at <= now) | (outbox.c.due_at > now + LONGEST_DELAY)
        query = sa.select(outbox).where(is_due, *self._deliverable(besides)).order_by(outbox.c.due_at).limit(limit)
        async with self._database.read() as connection:
            return [
                OutboxEntry(
                    job_id=row.job_id, kind=OutboxKind(row.kind), epoch=row.epoch, tries=row.tries,
                    due_at=row.due_at, error=row.error,
                )
                for row in await connection.execute(query)
            ]  # fmt: skip

    async def next_at(self, *, besides: Collection[str] = ()) -> datetime | None:
        """Return when the next entry is due, except those of the jobs in `besides`; None when there is none."""
        query = sa.select(sa.func.min(outbox.c.due_at)).where(*self._deliverable(besides))
        async with self._database.read() as connection:
            return await connection.scalar(query)

    async def set_unknown_aside(self) -> None:
        """Name what is owed in a way that this version does not know; the rest is delivered."""
        query = sa.select(outbox.c.job_id, outbox.c.kind).where(outbox.c.kind.not_in(_KINDS))
        async with self._database.read() as connection:
            for row in await connection.execute(query):
                self._database.unreadable.set_aside("outbox", row.job_id, f"unknown kind {row.kind!r}")

    def _deliverable(self, besides: Collection[str]) -> tuple[sa.ColumnElement[bool], ...]:
        """Of a kind that is known, for jobs that can be read, are this bot's work, and are not among these."""
        apart = {*besides, *self._database.unreadable.ids("jobs")}
        ours = (sa.exists().where(jobs.c.id == outbox.c.job_id, here) for here in self._database.ours(jobs.c.guild_id))
        return outbox.c.kind.in_(_KINDS), outbox.c.job_id.not_in(apart), *ours

    async def owes(self, job_id: str) -> bool:
        """Whether the job has an outbox entry."""
        async with self._database.read() as connection:
            query = sa.select(sa.exists().where(outbox.c.job_id == job_id))
            return bool(await connection.scalar(query))

    async def later(self, entry: OutboxEntry, at: datetime, why: str) -> None:
        """Count a failed try, and set when the next one is due; `why` is for the host."""
        async with self._database.write() as connection:
            later = sa.update(outbox).where(*_same(entry)).values(due_at=at, tries=entry.tries + 1, why=why)
            await connection.execute(later)

    async def done(self, entry: OutboxEntry) -> None:
        """Delete the entry."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(outbox).where(*_same(entry)))


def _same(entry: OutboxEntry) -> tuple[sa.ColumnElement[bool], ...]:
    # A newer entry of the same job, with another kind or epoch, is not touched.
    return (outbox.c.job_id == entry.job_id, outbox.c.kind == entry.kind, outbox.c.epoch == entry.epoch)
