"""Everything stored about one member, as it is stored."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from pydantic_core import to_jsonable_python

from bot.store.database import Database
from bot.store.schema import jobs
from bot.store.schema_rules import metadata

_SECRET = frozenset({"token"})


class PersonalData:
    """Reads whatever tables there are: one that is added later is not forgotten here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def export(self, member_id: int) -> dict[str, list[dict[str, Any]]]:
        """The rows about a member by table, ready for JSON; the kept pictures stand there by key."""
        async with self._database.read() as connection:
            return {
                table.name: [_plain(row) for row in (await connection.execute(query)).mappings()]
                for table in metadata.sorted_tables
                if (query := _about(table, member_id)) is not None
            }


def _about(table: sa.Table, member_id: int) -> sa.Select[Any] | None:
    if "member_id" in table.c:
        return sa.select(table).where(table.c.member_id == member_id)
    if "job_id" in table.c:
        theirs = sa.select(jobs.c.id).where(jobs.c.member_id == member_id)
        return sa.select(table).where(table.c.job_id.in_(theirs))
    return None


def _plain(row: sa.RowMapping) -> dict[str, Any]:
    return {name: to_jsonable_python(value) for name, value in row.items() if name not in _SECRET}
