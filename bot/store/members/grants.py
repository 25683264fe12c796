"""Grants in the database: whom members always let make something of their pictures."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from bot.store.database import Database, upsert
from bot.store.schema_consent import grants


class GrantStore:
    """`bot.domain.moderation.consents.Grants` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def allows(self, owner_id: int, member_id: int) -> bool:
        """Whether the owner said "always" to this member."""
        theirs = grants.c.owner_id == owner_id, grants.c.member_id == member_id
        async with self._database.read() as connection:
            return await connection.scalar(sa.select(grants.c.member_id).where(*theirs)) is not None

    async def allow(self, owner_id: int, member_id: int, now: datetime) -> None:
        """Write down "always"; again is harmless."""
        async with self._database.write() as connection:
            row = upsert(connection, grants).values(owner_id=owner_id, member_id=member_id, granted_at=now)
            await connection.execute(row.on_conflict_do_nothing())

    async def withdraw(self, owner_id: int) -> int:
        """Take back every "always" of an owner; returns how many there were."""
        async with self._database.write() as connection:
            return (await connection.execute(sa.delete(grants).where(grants.c.owner_id == owner_id))).rowcount
