"""One database: SQLite in a file by default, PostgreSQL by URL."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_fixed

from bot.errors import ConfigError, StoreError
from bot.folders import PRIVATE
from bot.shards import HeldShards
from bot.store import migrate
from bot.store.sqlite_driver import Connection
from bot.store.unreadable import UnreadableRows

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
REST_S = 1.0
"""A connection that rested longer is asked whether it still lives before it is used."""
_KEEPALIVE = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
"""A server notices within half a minute that a bot's machine is gone, and ends its transactions."""

Fence = Callable[[AsyncConnection], Awaitable[None]]
"""Raises `StoreError` inside a transaction that may not write."""


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
        """
        return await cls._connect(_engines(locate(url)), patience_s)

    @classmethod
    async def look(cls, url: str | Path, *, patience_s: float = 0.0) -> Self:
        """Open what is there for reading only. Raises `ConfigError`."""
        return await cls._connect(_engines(locate(url), is_read_only=True), patience_s)

    @classmethod
    async def _connect(cls, engines: tuple[AsyncEngine, AsyncEngine, AsyncEngine], patience_s: float) -> Self:
        database = cls(*engines)
        async with database._opening():
            await _reach(database._writer, patience_s)
        return database

    async def migrate(self, backups: Path | None = None) -> None:
        """Bring the schema to this version; a SQLite file is copied to `backups` (default: beside it) before.

        Raises:
            ConfigError: the database cannot be opened.
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
    async def write(self) -> AsyncGenerator[AsyncConnection]:
        """One transaction: committed at the end, undone when anything is raised. Raises `StoreError`."""
        with _our_errors():
            async with self._writer.begin() as connection:
                if self.fence is not None:
                    await self.fence(connection)
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
        # Written out: as a parameter, 22 would be a bigint, by which PostgreSQL does not shift.
        shard = sa.func.mod(sa.func.coalesce(guild_id, 0).op(">>")(sa.literal_column("22")), self.shards.count)
        return (shard.in_(self.shards.ids),)

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
    except SQLAlchemyError as error:
        raise StoreError(f"the database failed ({type(error).__name__})") from error


def upsert(connection: AsyncConnection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that understands `on_conflict_do_update` and `on_conflict_do_nothing`."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def is_sqlite(url: sa.URL) -> bool:
    """Whether this is the file database."""
    return url.get_backend_name() == "sqlite"


def shown(url: sa.URL) -> str:
    """Where a database is, for people's eyes: without the password, and without the query, which may hold one too."""
    return url.set(query={}).render_as_string(hide_password=True)


def locate(location: str | Path) -> sa.URL:
    """The database's URL with the driver we use. Raises `ConfigError`."""
    if isinstance(location, Path):
        return sa.URL.create("sqlite+aiosqlite", database=str(location))
    try:
        url = sa.make_url(location)
    except ArgumentError:
        raise ConfigError("database", "not a database URL; leave it out, or give postgresql://...") from None
    match url.get_backend_name():
        case "sqlite":
            return url.set(drivername="sqlite+aiosqlite")
        case "postgresql":
            return url.set(drivername="postgresql+asyncpg")
        case other:
            raise ConfigError("database", f"{other} is not supported; use sqlite or postgresql")


def _beside(url: sa.URL) -> Path | None:
    return Path(url.database).parent / "backups" if is_sqlite(url) and url.database else None


async def _reach(engine: AsyncEngine, patience_s: float) -> None:
    """Connect once; containers start in any order, so a server may take a while to answer."""
    is_file = is_sqlite(engine.url)
    async for attempt in AsyncRetrying(
        retry=retry_if_exception(_is_locked if is_file else _is_away),
        stop=stop_after_delay(patience_s),
        wait=wait_fixed(0.1 if is_file else 1.0),
        reraise=True,
    ):
        with attempt:
            async with engine.connect():
                pass


def _is_away(error: BaseException) -> bool:
    return isinstance(error, OSError | OperationalError)


def _is_locked(error: BaseException) -> bool:
    """Whether somebody else opens a new file in the same moment: its change to WAL waits for nobody."""
    return isinstance(error, OperationalError) and "locked" in str(error.orig)


def _engines(url: sa.URL, *, is_read_only: bool = False) -> tuple[AsyncEngine, AsyncEngine, AsyncEngine]:
    if not is_sqlite(url):
        read_only = {"default_transaction_read_only": "on"} if is_read_only else {}
        served: dict[str, Any] = {
            "pool_timeout": 30, "hide_parameters": True,
            "connect_args": {"server_settings": {"timezone": "UTC", **_KEEPALIVE, **read_only}},
        }  # fmt: skip
        engine = create_async_engine(url, pool_size=10, **served)
        student = create_async_engine(url, pool_size=2, max_overflow=0, **served)
        for each in (engine, student):
            event.listen(each.sync_engine, "checkin", _on_checkin)
            event.listen(each.sync_engine, "checkout", _ping_after_a_rest(each.dialect))
        # A statement that only reads sees one moment by itself: beginning and ending would be two more round trips.
        return engine, _each_alone(engine), _each_alone(student)
    if not url.database or url.database == ":memory:":
        raise ConfigError("database", "a database in memory forgets everything; give a file")
    file = Path(url.database)
    if is_read_only:
        return _looking(url, file)
    file.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
    # Parameters are people's words and secrets: they are hidden from every error text.
    # One writer: SQLite has one anyway, and waiting in the pool is fairer and quicker than its busy loop.
    common: dict[str, Any] = {
        "async_creator": lambda: Connection(file), "pool_timeout": 60, "pool_reset_on_return": None,
        "hide_parameters": True,
    }  # fmt: skip
    writer = create_async_engine(url, pool_size=1, max_overflow=0, **common)
    reader = create_async_engine(url, pool_size=4, max_overflow=4, **common)
    student = create_async_engine(url, pool_size=2, max_overflow=0, **common)
    for engine, begin in ((writer, "BEGIN IMMEDIATE"), (reader, "BEGIN"), (student, "BEGIN")):
        event.listen(engine.sync_engine, "connect", _on_connect)
        event.listen(engine.sync_engine, "begin", _begin_with(begin))
        event.listen(engine.sync_engine, "reset", _on_reset)
    return writer, reader, student


def _on_checkin(_connection: object, record: Any) -> None:
    record.info["rests_since_s"] = time.monotonic()


def _ping_after_a_rest(dialect: sa.Dialect) -> Any:
    """Find dead connections as `pool_pre_ping` does, but without a round trip for each one that was just in use."""

    driver: Any = dialect.dbapi

    def ping(connection: Any, record: Any, _proxy: object) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError
        if time.monotonic() - record.info.get("rests_since_s", math.inf) < REST_S:
            return
        try:
            dialect.do_ping(connection)
        except driver.Error as error:
            raise DisconnectionError from error

    return ping


def _each_alone(engine: AsyncEngine) -> AsyncEngine:
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _looking(url: sa.URL, file: Path) -> tuple[AsyncEngine, AsyncEngine, AsyncEngine]:
    if not file.is_file():
        raise ConfigError("database", f"{file} is not there yet")
    engine = create_async_engine(
        url, async_creator=lambda: Connection(file, is_read_only=True), pool_reset_on_return=None, hide_parameters=True
    )
    return engine, engine, engine


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
