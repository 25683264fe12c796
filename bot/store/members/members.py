"""Members' settings and favourites."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.model import CellRef, Preferences
from bot.errors import CellNotFound
from bot.store.database import Database, upsert
from bot.store.schema import cells, favourites, members


class MemberStore:
    """Reads and writes members' settings and favourites."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock

    async def preferences(self, member_id: int) -> Preferences:
        """Return a member's settings; the defaults when there are none or when they cannot be read."""
        async with self._database.read() as connection:
            return await _preferences(connection, member_id)

    async def prefer(self, member_id: int, preferences: Preferences) -> None:
        """Store a member's settings."""
        await self.change(member_id, lambda _: preferences)

    async def change(self, member_id: int, changed: Callable[[Preferences], Preferences]) -> Preferences:
        """Change a member's settings in one transaction, and return them; what `changed` raises changes nothing."""
        async with self._database.write((member_id,)) as connection:
            preferences = changed(await _preferences(connection, member_id))
            settings = {"settings": preferences.model_dump_json(exclude_defaults=True)}
            row = upsert(connection, members).values(member_id=member_id, **settings)
            await connection.execute(row.on_conflict_do_update(index_elements=["member_id"], set_=settings))
            return preferences

    async def favour(self, member_id: int, cell: CellRef) -> None:
        """Mark a kept picture as a favourite; marking it twice is no error. Raises `CellNotFound`."""
        kept = sa.exists().where(cells.c.job_id == cell.job_id, cells.c.cell == cell.cell)
        async with self._database.write() as connection:
            if not await connection.scalar(sa.select(kept)):
                raise CellNotFound(cell.job_id, cell.cell)
            row = upsert(connection, favourites).values(
                member_id=member_id, job_id=cell.job_id, cell=cell.cell, created_at=self._clock()
            )
            await connection.execute(row.on_conflict_do_nothing())

    async def unfavour(self, member_id: int, cell: CellRef) -> None:
        """Remove a favourite; a missing one is no error."""
        mine = (favourites.c.member_id == member_id, favourites.c.job_id == cell.job_id, favourites.c.cell == cell.cell)
        async with self._database.write() as connection:
            await connection.execute(sa.delete(favourites).where(*mine))

    async def favourites(self, member_id: int, limit: int) -> list[CellRef]:
        """Return the newest favourites, newest first."""
        newest = favourites.c.created_at.desc(), favourites.c.job_id, favourites.c.cell
        query = sa.select(favourites).where(favourites.c.member_id == member_id).order_by(*newest).limit(limit)
        async with self._database.read() as connection:
            return [CellRef(job_id=row.job_id, cell=row.cell) for row in await connection.execute(query)]


async def _preferences(connection: AsyncConnection, member_id: int) -> Preferences:
    stored = await connection.scalar(sa.select(members.c.settings).where(members.c.member_id == member_id))
    try:
        return Preferences.model_validate_json(stored or "{}", extra="ignore")
    except ValidationError:
        return Preferences()
