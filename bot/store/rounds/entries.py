"""Entries of rounds in the database: pictures and lines, each at its place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.model import CellRef
from bot.domain.rounds.entry import Entry, EntryRole, EntryState
from bot.domain.rounds.round import RoundState
from bot.store.database import Database, upsert
from bot.store.schema_rounds import entries, rounds

_KEY = ("round_id", "role", "place")


class EntryStore:
    """`bot.domain.rounds.ports.EntryStore` in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, *round_ids: str, role: EntryRole | None = None) -> list[Entry]:
        """The entries of rounds, by role and place; those of one role where it is given."""
        query = sa.select(entries).where(entries.c.round_id.in_(round_ids))
        if role is not None:
            query = query.where(entries.c.role == role)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(*(entries.c[name] for name in _KEY)))).mappings()
            return [entry_from(row) for row in rows]

    async def enter(self, new: Entry, during: Collection[RoundState]) -> Entry | None:
        """Bring something into a round; None when it is in none of these states any more.

        The place is counted here: the author's open entry of this role is replaced, else the next place is taken.
        """
        is_open = rounds.c.id == new.round_id, rounds.c.state.in_(during)
        mine = entries.c.round_id == new.round_id, entries.c.role == new.role
        async with self._database.write() as connection:
            # The next version: whoever read the entries before this one must read them again.
            bumped = sa.update(rounds).where(*is_open).values(version=rounds.c.version + 1)
            if (await connection.execute(bumped)).rowcount == 0:
                return None
            rows = (await connection.execute(sa.select(entries).where(*mine).order_by(entries.c.place))).mappings()
            there = [entry_from(row) for row in rows]
            open_ones = [entry for entry in there if entry.state is EntryState.OPEN]
            own = [entry.place for entry in open_ones if entry.member_id == new.member_id]
            place = own[0] if own else max((entry.place + 1 for entry in there), default=0)
            placed = new.model_copy(update={"place": place})
            await put(connection, [placed])
        return placed

    async def change(self, before: Entry, **values: object) -> Entry | None:
        """Change an entry that still has the state of `before`; None when it has another by now.

        The round has its next version then.
        """
        same = [entries.c[name] == getattr(before, name) for name in _KEY]
        statement = sa.update(entries).where(*same, entries.c.state == before.state).values(**values)
        async with self._database.write() as connection:
            changed = (await connection.execute(statement.returning(*entries.c))).mappings().one_or_none()
            if changed is not None:
                here = rounds.c.id == before.round_id
                await connection.execute(sa.update(rounds).where(here).values(version=rounds.c.version + 1))
        return None if changed is None else entry_from(changed)


async def put(connection: AsyncConnection, placed: Sequence[Entry]) -> None:
    """Write entries at their places, over what stands there."""
    for entry in placed:
        row = _columns(entry)
        written = upsert(connection, entries).values(row)
        others = {name: value for name, value in row.items() if name not in _KEY}
        await connection.execute(written.on_conflict_do_update(index_elements=list(_KEY), set_=others))


def _columns(entry: Entry) -> dict[str, Any]:
    picture = entry.picture
    named = {"picture_job_id": picture and picture.job_id, "picture_cell": picture and picture.cell}
    return {**entry.model_dump(exclude={"picture"}), **named}


def entry_from(row: Mapping[Any, Any]) -> Entry:
    """An entry as its row says."""
    known = {name: row[name] for name in Entry.model_fields if name != "picture"}
    picture = CellRef(job_id=row["picture_job_id"], cell=row["picture_cell"]) if row["picture_job_id"] else None
    return Entry.model_validate({**known, "picture": picture})
