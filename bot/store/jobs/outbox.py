"""The outbox: deliveries that are still owed to Discord. `JobStore` inserts the entries."""

from __future__ import annotations

import functools
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.domain.model import LONGEST_DELAY, OutboxEntry, OutboxKind
from bot.domain.ports.outbox import Look
from bot.store.database import Database, shard_of
from bot.store.schema import jobs, outbox

_KINDS = [kind.value for kind in OutboxKind]
_LOOK_EVERY = timedelta(minutes=1)


@functools.cache
def _soonest(shards: int | None) -> sa.Select[Any]:
    """Of a kind that is known, for jobs that can be read, are this bot's work, and are not `apart`.

    Built once: the outbox is looked at with each job that ends.
    """
    columns = (outbox.c[name] for name in ("job_id", "kind", "epoch", "tries", "due_at", "error"))
    apart = outbox.c.job_id.not_in(sa.bindparam("apart", expanding=True))
    query = sa.select(*columns).where(outbox.c.kind.in_(_KINDS), apart)
    if shards is not None:
        here = shard_of(jobs.c.guild_id, shards).in_(sa.bindparam("shards", expanding=True))
        query = query.where(sa.exists().where(jobs.c.id == outbox.c.job_id, here))
    return query.order_by(outbox.c.due_at).limit(sa.bindparam("most", type_=sa.Integer))


class OutboxStore:
    """Implements `bot.domain.ports.Outbox` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked_at: datetime | None = None

    async def look(self, now: datetime, *, besides: Collection[str] = (), limit: int = 50) -> Look:
        """Return what is owed, soonest first, at most `limit` entries, except those of the jobs in `besides`.

        Entries further ahead than `LONGEST_DELAY` are due as well: the clock was set back after they were written.
        """
        if self._looked_at is None or abs(now - self._looked_at) >= _LOOK_EVERY:
            await self.set_unknown_aside()
            self._looked_at = now
        shards = self._database.shards
        known: dict[str, Any] = {"apart": [*besides, *self._database.unreadable.ids("jobs")], "most": limit}
        if shards is not None:
            known["shards"] = list(shards.ids)
        async with self._database.read() as connection:
            rows = await connection.execute(_soonest(None if shards is None else shards.count), known)
            entries = [OutboxEntry.model_validate(row) for row in rows.mappings()]
        due = [entry for entry in entries if not now < entry.due_at <= now + LONGEST_DELAY]
        later = (entry.due_at for entry in entries if now < entry.due_at <= now + LONGEST_DELAY)
        return Look(due, min(later, default=None))

    async def set_unknown_aside(self) -> None:
        """Name what is owed in a way that this version does not know; the rest is delivered."""
        query = sa.select(outbox.c.job_id, outbox.c.kind).where(outbox.c.kind.not_in(_KINDS))
        async with self._database.read() as connection:
            for row in await connection.execute(query):
                self._database.unreadable.set_aside("outbox", row.job_id, f"unknown kind {row.kind!r}")

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
