"""Interactions that were told "thinking…" and nothing else yet."""

from __future__ import annotations

import sqlalchemy as sa

from bot.domain.promise import Promise
from bot.store.database import Database, upsert
from bot.store.schema import jobs, promises


class PromiseStore:
    """`bot.domain.promise.Promises` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def made(self, promise: Promise) -> None:
        """See the port."""
        async with self._database.write() as connection:
            row = upsert(connection, promises).values(**promise.model_dump())
            await connection.execute(row.on_conflict_do_nothing())

    async def kept(self, interaction_id: int) -> None:
        """See the port."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(promises).where(promises.c.interaction_id == interaction_id))

    async def broken(self) -> list[Promise]:
        """See the port."""
        asked = sa.exists().where(jobs.c.interaction_id == promises.c.interaction_id)
        async with self._database.write() as connection:
            await connection.execute(sa.delete(promises).where(asked))
            left = await connection.execute(sa.select(promises))
            return [Promise.model_validate(dict(row)) for row in left.mappings()]
