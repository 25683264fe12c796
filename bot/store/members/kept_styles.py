"""Styles kept by name, in the database; their pictures lie beside the uploads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.model import KeptStyle, NamedStyle
from bot.domain.prompting.kept_styles import MAX_BYTES, MAX_STYLES
from bot.errors import BadOption
from bot.store.database import Database
from bot.store.members.retention import Retention
from bot.store.pictures import PictureStore
from bot.store.schema_styles import kept_styles


@dataclass(frozen=True, slots=True)
class StylePicture:
    """One picture of a style that is saved."""

    key: str
    weight: float
    size_bytes: int
    origin_id: str | None = None
    """The job whose picture it is."""


class KeptStyleStore:
    """Saves, finds and removes styles; a file goes with the last row that names it."""

    def __init__(self, database: Database, pictures: PictureStore, clock: Callable[[], datetime]) -> None:
        self._database, self._pictures, self._clock = database, pictures, clock
        self._retention = Retention(database, pictures)

    async def save(
        self, name: str, pictures: Sequence[StylePicture], member_id: int, guild_id: int | None = None
    ) -> None:
        """Keep a style under a name, in place of the one before. Raises `BadOption` where there are too many."""
        scope_id, now = guild_id or member_id, self._clock()
        common = {"scope_id": scope_id, "name": name, "member_id": member_id, "created_at": now}
        rows = [
            {
                "place": place, "key": each.key, "weight": each.weight, "size_bytes": each.size_bytes,
                "origin_id": each.origin_id, **common,
            }
            for place, each in enumerate(pictures)
        ]  # fmt: skip
        with self._pictures.put_meanwhile() as put:
            async with self._database.write((scope_id,)) as connection:
                before = await _removed(connection, scope_id, name)
                await _require_room(connection, scope_id, sum(each.size_bytes for each in pictures))
                await connection.execute(sa.insert(kept_styles), rows)
            await self._retention.delete_files(before, put)

    async def find(self, name: str, member_id: int, guild_id: int | None) -> KeptStyle | None:
        """The style of that name: the member's own before the server's."""
        whose = [scope_id for scope_id in (member_id, guild_id) if scope_id is not None]
        async with self._database.read() as connection:
            for scope_id in whose:
                mine = kept_styles.c.scope_id == scope_id, kept_styles.c.name == name
                rows = (
                    await connection.execute(sa.select(kept_styles).where(*mine).order_by(kept_styles.c.place))
                ).all()
                if rows:
                    return _style(rows)
        return None

    async def all(self, member_id: int, guild_id: int | None) -> list[NamedStyle]:
        """The member's own and then the server's, by name."""
        found: list[NamedStyle] = []
        async with self._database.read() as connection:
            for scope_id in (member_id, guild_id):
                if scope_id is None:
                    continue
                order = kept_styles.c.name, kept_styles.c.place
                query = sa.select(kept_styles).where(kept_styles.c.scope_id == scope_id).order_by(*order)
                rows = (await connection.execute(query)).all()
                of = None if scope_id == member_id else guild_id
                for name, group in groupby(rows, key=lambda row: row.name):
                    found.append(NamedStyle(name=name, style=_style(list(group)), guild_id=of))
        return found

    async def remove(self, name: str, scope_id: int) -> bool:
        """Delete the style of that name of a member or a server; False where there is none."""
        with self._pictures.put_meanwhile() as put:
            async with self._database.write() as connection:
                before = await _removed(connection, scope_id, name)
            await self._retention.delete_files(before, put)
        return bool(before)


async def _removed(connection: AsyncConnection, scope_id: int, name: str) -> list[str]:
    theirs = kept_styles.c.scope_id == scope_id, kept_styles.c.name == name
    keys = list(await connection.scalars(sa.select(kept_styles.c.key).where(*theirs)))
    await connection.execute(sa.delete(kept_styles).where(*theirs))
    return keys


async def _require_room(connection: AsyncConnection, scope_id: int, added: int) -> None:
    names, size = sa.func.count(sa.distinct(kept_styles.c.name)), sa.func.sum(kept_styles.c.size_bytes)
    query = sa.select(names, size).where(kept_styles.c.scope_id == scope_id)
    kept, bytes_ = (await connection.execute(query)).one()
    if kept >= MAX_STYLES:
        raise BadOption("name", f"at most {MAX_STYLES} styles are kept; remove one with /style rm")
    if (bytes_ or 0) + added > MAX_BYTES:
        raise BadOption(
            "picture", f"at most {MAX_BYTES // 2**20} MB of pictures are kept; remove a style with /style rm"
        )


def _style(rows: Sequence[sa.Row[tuple[object, ...]]]) -> KeptStyle:
    return KeptStyle(
        owner_id=rows[0].member_id,
        pictures=tuple((row.key, row.weight) for row in rows),
        origins=tuple(dict.fromkeys(row.origin_id for row in rows if row.origin_id)),
    )
