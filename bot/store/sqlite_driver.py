"""aiosqlite, quicker: a statement goes to the connection's thread and back once, where it would go four times."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Self

import aiosqlite


class Connection(aiosqlite.Connection):
    """One whose cursors live in its thread only."""

    def __init__(self, file: Path, *, is_read_only: bool = False) -> None:
        connect = partial(sqlite3.connect, file)
        if is_read_only:
            connect = partial(sqlite3.connect, f"{file.resolve().as_uri()}?mode=ro", uri=True)
        super().__init__(connect, iter_chunk_size=64)
        self._thread.daemon = True

    def cursor(self) -> Cursor:  # pyright: ignore[reportIncompatibleMethodOverride]  (nothing to wait for)
        """One for each statement."""
        return Cursor(self._in_thread)

    async def _in_thread(self, work: Callable[[sqlite3.Connection], None]) -> None:
        await self._execute(work, self._conn)  # pyright: ignore[reportUnknownMemberType]


class Cursor:
    """What SQLAlchemy asks of a cursor: the statement is executed, read to its end and closed in one go."""

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
        """Run a statement once."""
        await self._in_thread(partial(self._run, lambda cursor: cursor.execute(sql, parameters)))

    async def executemany(self, sql: str, parameters: Any) -> None:
        """Run a statement for each set of parameters."""
        await self._in_thread(partial(self._run, lambda cursor: cursor.executemany(sql, parameters)))

    def _run(self, statement: Callable[[sqlite3.Cursor], object], connection: sqlite3.Connection) -> None:
        with closing(connection.cursor()) as cursor:
            statement(cursor)
            self._rows = cursor.fetchall()
            self.description, self.rowcount, self.lastrowid = cursor.description, cursor.rowcount, cursor.lastrowid

    async def fetchall(self) -> list[Any]:
        """All rows."""
        return self._rows

    async def close(self) -> None:
        """Closed it is already."""
