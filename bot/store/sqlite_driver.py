"""SQLite by aiosqlite: our pragmas and transactions, and a faster cursor.

The cursor takes one trip to the connection's thread for each statement, instead of four.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Self

import aiosqlite
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # Normal would lose the last commits when the power fails; a commit is a promise here.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 10000",
    "PRAGMA temp_store = MEMORY",
    # What is deleted is written over: nobody finds it in the file afterwards.
    "PRAGMA secure_delete = ON",
    # So many rows of an index say enough of it: learning takes milliseconds.
    "PRAGMA analysis_limit = 400",
)


class Connection(aiosqlite.Connection):
    """An aiosqlite connection whose cursors exist only in its thread."""

    def __init__(self, file: Path, *, is_read_only: bool = False) -> None:
        connect = partial(sqlite3.connect, file)
        if is_read_only:
            connect = partial(sqlite3.connect, f"{file.resolve().as_uri()}?mode=ro", uri=True)
        super().__init__(connect, iter_chunk_size=64)
        self._thread.daemon = True

    def cursor(self) -> Cursor:  # pyright: ignore[reportIncompatibleMethodOverride]  (nothing to wait for)
        """Return a cursor for one statement."""
        return Cursor(self._in_thread)

    async def _in_thread(self, work: Callable[[sqlite3.Connection], None]) -> None:
        await self._execute(work, self._conn)  # pyright: ignore[reportUnknownMemberType]


class Cursor:
    """The part of the cursor interface that SQLAlchemy uses; executes, fetches all rows and closes in one trip."""

    arraysize = 1

    def __init__(self, in_thread: Callable[[Callable[[sqlite3.Connection], None]], Any]) -> None:
        self._in_thread = in_thread
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Any = ()) -> None:
        """Execute a statement once."""
        await self._in_thread(partial(self._run, lambda cursor: cursor.execute(sql, parameters)))

    async def executemany(self, sql: str, parameters: Any) -> None:
        """Execute a statement for each set of parameters."""
        await self._in_thread(partial(self._run, lambda cursor: cursor.executemany(sql, parameters)))

    def _run(self, statement: Callable[[sqlite3.Cursor], object], connection: sqlite3.Connection) -> None:
        with closing(connection.cursor()) as cursor:
            statement(cursor)
            self._rows = cursor.fetchall()
            self.description, self.rowcount, self.lastrowid = cursor.description, cursor.rowcount, cursor.lastrowid

    async def fetchall(self) -> list[Any]:
        """Return all rows of the last statement."""
        return self._rows

    async def close(self) -> None:
        """Do nothing: the cursor was closed after its statement."""


def prepare(engine: AsyncEngine, begin: str) -> None:
    """Set the pragmas of every connection, and begin its transactions with the statement `begin`."""
    event.listen(engine.sync_engine, "connect", _on_connect)
    event.listen(engine.sync_engine, "begin", _begin_with(begin))
    event.listen(engine.sync_engine, "reset", _on_reset)


def _on_connect(connection: Any, _record: object) -> None:
    # The driver would begin transactions by itself, too late for ours: `begin` below says it instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin_with(statement: str) -> Any:
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(statement)

    return begin


def _on_reset(connection: Any, _record: object, _state: object) -> None:
    # What was committed needs no rollback; the driver knows without asking its thread.
    if connection.driver_connection.in_transaction:
        connection.rollback()
