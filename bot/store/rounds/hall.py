"""The hall of fame in the database, with copies of its pictures, which retention does not delete."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.model import CellRef
from bot.domain.rounds.fame import Fame
from bot.store.database import Database, upsert
from bot.store.pictures import PictureStore
from bot.store.schema import cells
from bot.store.schema_shows import fame, fame_credits


class Hall:
    """`bot.domain.rounds.show_ports.Hall`; and what `/weekly hall` reads."""

    def __init__(self, database: Database, pictures: PictureStore) -> None:
        self._database, self._pictures = database, pictures

    async def keep(self, new: Fame, picture: CellRef) -> bool:
        """Copy the picture and store the row. Idempotent. False where the picture is gone."""
        where = cells.c.job_id == picture.job_id, cells.c.cell == picture.cell
        async with self._database.read() as connection:
            key = await connection.scalar(sa.select(cells.c.key).where(*where))
        try:
            await self._pictures.put(new.key, await self._pictures.get(key or ""))
        except (KeyError, ValueError):
            return False
        body = new.model_dump(exclude={"credits"})
        async with self._database.write() as connection:
            # Asked again: whoever deleted it meanwhile does not find it here.
            if await connection.scalar(sa.select(cells.c.key).where(*where)) is None:
                return False
            added = await connection.execute(upsert(connection, fame).values(body).on_conflict_do_nothing())
            parts = [{"round_id": new.round_id, "member_id": who, "points": part} for who, part in new.credits]
            if added.rowcount == 1 and parts:
                await connection.execute(sa.insert(fame_credits), parts)
        return True

    async def page(self, guild_id: int, before: datetime | None = None) -> Fame | None:
        """The newest of a server, or the newest that was shown before then."""
        return await self._one(guild_id, [] if before is None else [fame.c.shown_at < before], fame.c.shown_at.desc())

    async def after(self, guild_id: int, shown_at: datetime) -> Fame | None:
        """The one that was shown next."""
        return await self._one(guild_id, [fame.c.shown_at > shown_at], fame.c.shown_at)

    async def get(self, guild_id: int, round_id: str) -> Fame | None:
        """The winner of one show."""
        return await self._one(guild_id, [fame.c.round_id == round_id], fame.c.shown_at)

    async def _one(
        self, guild_id: int, conditions: Sequence[sa.ColumnElement[bool]], order: sa.ColumnElement[Any]
    ) -> Fame | None:
        query = sa.select(fame).where(fame.c.guild_id == guild_id, *conditions).order_by(order).limit(1)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
            if row is None:
                return None
            parts = sa.select(fame_credits).where(fame_credits.c.round_id == row["round_id"])
            most = parts.order_by(fame_credits.c.points.desc(), fame_credits.c.member_id)
            return _fame(row, [(part.member_id, part.points) for part in await connection.execute(most)])


async def forget_maker(connection: AsyncConnection, member_id: int) -> list[str]:
    """Take a member out of the hall; the keys of the copies that nothing names any more."""
    await connection.execute(sa.delete(fame_credits).where(fame_credits.c.member_id == member_id))
    return await _forget(connection, fame.c.member_id == member_id)


async def forget_jobs(connection: AsyncConnection, job_ids: Collection[str]) -> list[str]:
    """Take pictures out of the hall that somebody deleted; the keys of their copies."""
    return await _forget(connection, fame.c.job_id.in_(job_ids))


async def named(connection: AsyncConnection, keys: Collection[str]) -> set[str]:
    """Those of the keys under which a copy lies that the hall shows."""
    ids = {key.removeprefix("hall/").removesuffix(".png") for key in keys if key.startswith("hall/")}
    return set(await connection.scalars(sa.select(fame.c.key).where(fame.c.round_id.in_(ids)))) if ids else set()


async def _forget(connection: AsyncConnection, which: sa.ColumnElement[bool]) -> list[str]:
    found = (await connection.execute(sa.select(fame.c.round_id, fame.c.key).where(which))).all()
    ids = [row.round_id for row in found]
    # Row by row: SQLite has no cascade where foreign keys are switched off.
    await connection.execute(sa.delete(fame_credits).where(fame_credits.c.round_id.in_(ids)))
    await connection.execute(sa.delete(fame).where(fame.c.round_id.in_(ids)))
    return [row.key for row in found]


def _fame(row: Mapping[Any, Any], credits: Sequence[tuple[int, int]]) -> Fame:
    return Fame.model_validate({**row, "credits": tuple(credits)})
