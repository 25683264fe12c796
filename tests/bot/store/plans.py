"""How a database would find what was asked of it: notes the statements, and says which read a growing table whole."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.database import Database

GROWING = frozenset({
    "jobs", "cells", "posts", "extracts", "uploads", "members", "favourites", "hints", "reservations", "quota_counters",
    "audit_log", "member_days", "model_days", "rounds", "ballots", "games", "players", "sealed_words",
    "fingerprints", "grants", "inputs", "quarantined", "entries", "kept_styles", "show_plans", "fame", "fame_credits",
})  # fmt: skip
FEW = (
    "ix_jobs_unfinished", "ix_jobs_cancelled", "ix_jobs_outside", "ix_jobs_token", "ix_rounds_due", "ix_games_due",
    "uq_games_channel", "ix_members_gallery", "uq_rounds_show",
)  # fmt: skip
"""Partial indexes: what stands in them is few, or all of it is asked for."""
_READS = ("SELECT", "UPDATE", "DELETE", "WITH", "INSERT")
_ALIAS = re.compile(r"\b(\w+) AS (\w+)")
_SCAN = {
    "sqlite": re.compile(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?"),
    "postgresql": re.compile(r"Seq Scan on (\w+)()"),
}
_ALL_OF_A_SERVER = re.compile(r"SEARCH (jobs|quota_counters) .*\(guild_id=\?\)")
"""What grows with the server is as good as all, where there is one server."""

Statement = tuple[str, Any]


@contextmanager
def noted(database: Database) -> Iterator[list[Statement]]:
    """Every statement that the database is given meanwhile, with its parameters."""
    found: list[Statement] = []

    def note(_connection: Any, _cursor: Any, text: str, parameters: Any, _context: Any, _many: bool) -> None:
        if text.startswith(_READS):
            several = bool(parameters) and isinstance(parameters[0], tuple | list)
            found.append((text, parameters[0] if several else parameters))

    engines = {getattr(database, name).sync_engine for name in ("_writer", "_reader", "_student")}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield found
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


async def scans(connection: AsyncConnection, statement: Statement) -> list[str]:
    """The steps of its plan that read a growing table from one end to the other."""
    text, parameters = statement
    dialect = connection.dialect.name
    explain = "EXPLAIN QUERY PLAN " if dialect == "sqlite" else "EXPLAIN "
    rows = (await connection.exec_driver_sql(explain + text, tuple(parameters))).all()
    named = {alias: table for table, alias in _ALIAS.findall(text)}
    steps = [str(row[3] if dialect == "sqlite" else row[0]) for row in rows]
    return [step for step in steps if _reads_all(step, dialect, named)]


def _reads_all(step: str, dialect: str, named: dict[str, str]) -> bool:
    if _ALL_OF_A_SERVER.search(step):
        return True
    found = _SCAN[dialect].search(step)
    return found is not None and named.get(found[1], found[1]) in GROWING and found[2] not in FEW


class Walked:
    """A store that notes which of its methods were called."""

    def __init__(self, store: Any) -> None:
        self._store, self._called = store, set[str]()

    def __getattr__(self, name: str) -> Any:
        self._called.add(name)
        return getattr(self._store, name)

    @property
    def left_out(self) -> set[str]:
        """Public coroutines that were not called, but for those that work in a transaction of another store."""
        methods = inspect.getmembers(type(self._store), inspect.iscoroutinefunction)
        public = {
            name
            for name, method in methods
            if not name.startswith("_") and "connection" not in inspect.signature(method).parameters
        }
        return {f"{type(self._store).__name__}.{name}" for name in public - self._called}


async def without_seq_scans(connection: AsyncConnection) -> None:
    """Let PostgreSQL read a table whole only where nothing else is possible: these tables are small."""
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
