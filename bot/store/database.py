"""One database: SQLite in a file by default, PostgreSQL by URL."""

from __future__ import annotations

import functools
import logging
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.errors import ConfigError, DiskFull
from bot.shards import HeldShards
from bot.store import migrate
from bot.store.connections import Pools, engines, is_sqlite, locate, reach, shown
from bot.store.failures import store_error
from bot.store.turns import Turn, in_turn

Fence = Callable[[AsyncConnection, Turn], Awaitable[None]]
"""Raises `StoreError` inside a transaction that may not write, and takes its turn with the same statement."""

log = logging.getLogger(__name__)


class UnreadableRows:
    """Which rows were met that cannot be read, by table and id, with what is wrong; each is logged once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], str] = {}

    def set_aside(self, table: str, row_id: str, why: object) -> None:
        """Note a row, and say so the first time."""
        if (table, row_id) not in self._found:
            self._found[table, row_id] = str(why)
            log.error("a row of %s cannot be read and is set aside: %s", table, why, extra={"job": row_id})

    @property
    def rows(self) -> Mapping[tuple[str, str], str]:
        """What is wrong with each, by table and id."""
        return MappingProxyType(self._found)

    def ids(self, table: str) -> set[str]:
        """Those of one table."""
        return {row_id for where, row_id in self._found if where == table}


class Database:
    """Connections for reading and for writing; a write is one transaction that nobody else interleaves with."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine, student: AsyncEngine) -> None:
        self._writer, self._reader, self._student = writer, reader, student
        self.fence: Fence | None = None
        """Asked at the start of every write; None where nothing needs to be asked."""
        self.shards: HeldShards | None = None
        """The shards of this bot, where several bots share the database; None: everything is this bot's."""
        self.unreadable = UnreadableRows()

    @classmethod
    async def open(cls, url: str | Path, *, backups: Path | None = None, patience_s: float = 15.0) -> Self:
        """`connect` and `migrate`, for whoever is alone with the database anyway."""
        database = await cls.connect(url, patience_s=patience_s)
        await database.migrate(backups)
        return database

    @classmethod
    async def connect(cls, url: str | Path, *, patience_s: float = 15.0) -> Self:
        """Open as it is, waiting for a server that does not answer yet; a SQLite file is made where there is none.

        Raises:
            ConfigError: it cannot be opened.
            DiskFull: its disk has no room.
        """
        return await cls._connect(engines(locate(url)), patience_s)

    @classmethod
    async def look(cls, url: str | Path, *, patience_s: float = 0.0) -> Self:
        """Open what is there for reading only. Raises `ConfigError`."""
        return await cls._connect(engines(locate(url), is_read_only=True), patience_s)

    @classmethod
    async def _connect(cls, pools: Pools, patience_s: float) -> Self:
        database = cls(*pools)
        async with database._opening():
            await reach(database._writer, patience_s)
        return database

    async def migrate(self, backups: Path | None = None) -> None:
        """Bring the schema to this version; a SQLite file is copied to `backups` (default: beside it) before.

        Raises:
            ConfigError: the database cannot be opened.
            DiskFull: its disk has no room.
            MigrationFailed: the schema is newer or broken. Then, too, the database is closed.
        """
        async with self._opening():
            await migrate.upgrade(self._writer, backups or _beside(self.url))

    async def revision(self) -> str | None:
        """The schema's revision; None where there is no schema yet. Raises `StoreError`."""
        async with self.read() as connection:
            return await connection.run_sync(migrate.revision)

    @asynccontextmanager
    async def _opening(self) -> AsyncGenerator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            await self.close()
            failed = store_error("the database", error)
            if isinstance(failed, DiskFull):  # no fault of the configuration: a later start may find room
                raise failed from error
            why = error.orig if isinstance(error, DBAPIError) else error
            raise ConfigError("database", f"{shown(self.url)} cannot be opened: {why}") from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Give all connections back."""
        for engine in (self._writer, self._reader, self._student):
            await engine.dispose()

    @property
    def url(self) -> sa.URL:
        """Where it is; its text hides the password."""
        return self._writer.url

    @property
    def path(self) -> Path | None:
        """The file, when it is SQLite."""
        return Path(self.url.database) if is_sqlite(self.url) and self.url.database else None

    async def scrub(self) -> None:
        """Let nothing of what was deleted stay in the write-ahead log. Raises `StoreError`."""
        if self.path is not None:
            with _our_errors():
                async with self._writer.connect() as connection:
                    driver: Any = (await connection.get_raw_connection()).driver_connection
                    # Read to its end: a statement in progress lets no later transaction be committed.
                    await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")

    @asynccontextmanager
    async def write(self, turn: Turn = ()) -> AsyncGenerator[AsyncConnection]:
        """One transaction: committed at the end, undone when anything is raised. Raises `StoreError`.

        `turn`: it waits for others about the same server or member, see `bot.store.turns`.
        """
        with _our_errors():
            async with self._writer.begin() as connection:
                if self.fence is not None:
                    await self.fence(connection, turn)
                elif turn and connection.dialect.name == "postgresql":
                    await in_turn(connection, *turn)
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection]:
        """A view that never waits for writers; on PostgreSQL each statement has its own. Raises `StoreError`."""
        with _our_errors():
            async with self._reader.connect() as connection:
                yield connection

    @asynccontextmanager
    async def study(self) -> AsyncGenerator[AsyncConnection]:
        """As `read`, for what takes long: with two connections of its own, so that quick answers never wait for it."""
        with _our_errors():
            async with self._student.connect() as connection:
                yield connection

    def is_ours(self, guild_id: int | None) -> bool:
        """Whether what is about a server, or direct messages (None), is this bot's work."""
        return self.shards is None or self.shards.has(guild_id)

    def ours(self, guild_id: sa.ColumnElement[Any]) -> tuple[sa.ColumnElement[bool], ...]:
        """The condition under which a row about that server is this bot's work; empty where everything is."""
        if self.shards is None:
            return ()
        return (shard_of(guild_id, self.shards.count).in_(self.shards.ids),)

    async def analyze(self) -> None:
        """Let SQLite learn how much there is of what, from a sample; PostgreSQL does so by itself."""
        if is_sqlite(self.url):
            async with self.write() as connection:
                await connection.exec_driver_sql("ANALYZE")


@contextmanager
def _our_errors() -> Generator[None]:
    """The only place where the database's errors become ours; the cause is kept."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        # asyncpg lets a server that cannot be reached through as OSError.
        raise store_error("the database", error) from error


def shard_of(guild_id: sa.ColumnElement[Any], count: int) -> sa.ColumnElement[int]:
    """The shard of the server that a row is about, as `bot.shards.shard_of` says it."""
    # Written out: as a parameter, 22 would be a bigint, by which PostgreSQL does not shift.
    return sa.func.mod(sa.func.coalesce(guild_id, 0).op(">>")(sa.literal_column("22")), count)


def upsert(connection: AsyncConnection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that understands `on_conflict_do_update` and `on_conflict_do_nothing`."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def put(connection: AsyncConnection, table: sa.Table) -> sa.Insert:
    """An insert of whole rows, given with each, which takes the place of a row with the same key; built once."""
    return _put(connection.dialect.name, table)


@functools.cache
def _put(dialect: str, table: sa.Table) -> sa.Insert:
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    key = [column.name for column in table.primary_key]
    rest = {column.name: statement.excluded[column.name] for column in table.c if column.name not in key}
    return statement.on_conflict_do_update(index_elements=key, set_=rest)


async def add(connection: AsyncConnection, table: sa.Table, key: Mapping[str, Any], more: Mapping[str, int]) -> None:
    """Add to the sums of one row, which is made where there is none."""
    await connection.execute(_adding(connection.dialect.name, table, tuple(key), tuple(more)), {**key, **more})


@functools.cache
def _adding(dialect: str, table: sa.Table, key: tuple[str, ...], summed: tuple[str, ...]) -> sa.Insert:
    """Built once: every job that ends is added to sums."""
    row = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    sums = {name: table.c[name] + row.excluded[name] for name in summed}
    return row.on_conflict_do_update(index_elements=list(key), set_=sums)


def _beside(url: sa.URL) -> Path | None:
    return Path(url.database).parent / "backups" if is_sqlite(url) and url.database else None
