"""The audit log of moderators' actions, an append-only table."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.moderation.audit_entry import AuditEntry
from bot.store.database import Database, upsert
from bot.store.schema_rules import audit_log

MAX_TEXT = 1000
"""Characters of a subject or reason that are stored; the rest is cut off."""


class AuditLog:
    """Appends entries and reads them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entry: AuditEntry) -> None:
        """Append one entry in a transaction of its own."""
        async with self._database.write() as connection:
            await record(connection, entry)

    async def knows(self, entry: AuditEntry) -> bool:
        """Whether the same interaction has recorded the same action before (Discord or a restart may repeat it)."""
        async with self._database.read() as connection:
            return await was_recorded(connection, entry)

    async def newest(
        self, guild_id: int, limit: int = 20, *, member_id: int | None = None, skip: int = 0
    ) -> list[AuditEntry]:
        """Return a server's newest entries after the first `skip`; `member_id` selects those by or about a member."""
        query = sa.select(*[audit_log.c[name] for name in AuditEntry.model_fields]).where(
            audit_log.c.guild_id == guild_id
        )
        if member_id is not None:
            query = query.where((audit_log.c.actor_id == member_id) | audit_log.c.subject.contains(f"<@{member_id}>"))
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(audit_log.c.id.desc()).limit(limit).offset(skip))
            return [AuditEntry.model_validate(row._mapping) for row in rows]  # pyright: ignore[reportPrivateUsage]


async def record(connection: AsyncConnection, entry: AuditEntry) -> bool:
    """Append an entry in the transaction of its action; False when it is there already (see `was_recorded`)."""
    cut = {"subject": entry.subject[:MAX_TEXT], "reason": entry.reason[:MAX_TEXT]}
    row = upsert(connection, audit_log).values({**entry.model_dump(), **cut})
    added = row.on_conflict_do_nothing(index_elements=["interaction_id", "action", "done"]).returning(audit_log.c.id)
    return await connection.scalar(added) is not None


async def was_recorded(connection: AsyncConnection, entry: AuditEntry) -> bool:
    """Whether the interaction has recorded this action before: a crash may have prevented the answer."""
    if entry.interaction_id is None:
        return False
    same = (audit_log.c[name] == getattr(entry, name) for name in ("interaction_id", "action", "done"))
    return await connection.scalar(sa.select(audit_log.c.id).where(*same)) is not None
