"""Opens the connection pools of a database: SQLite in a file, PostgreSQL by URL."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DisconnectionError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_fixed

from bot.errors import ConfigError
from bot.folders import PRIVATE
from bot.store import sqlite_driver

REST_S = 1.0
"""A connection that rested longer is asked whether it still lives before it is used."""
_KEEPALIVE = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
"""A server notices within half a minute that a bot's machine is gone, and ends its transactions."""


class Pools(NamedTuple):
    """Connections for writing, for reading, and for reading what takes long."""

    writer: AsyncEngine
    reader: AsyncEngine
    student: AsyncEngine


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


async def reach(engine: AsyncEngine, patience_s: float) -> None:
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


def engines(url: sa.URL, *, is_read_only: bool = False) -> Pools:
    """The pools of a database. A SQLite file is made, with its folder, where there is none. Raises `ConfigError`."""
    # Parameters are people's words and secrets: they are hidden from every error text.
    if not is_sqlite(url):
        return _of_server(url, is_read_only=is_read_only)
    if not url.database or url.database == ":memory:":
        raise ConfigError("database", "a database in memory forgets everything; give a file")
    return _only_reading(url, Path(url.database)) if is_read_only else _of_file(url, Path(url.database))


def _of_server(url: sa.URL, *, is_read_only: bool) -> Pools:
    read_only = {"default_transaction_read_only": "on"} if is_read_only else {}
    served: dict[str, Any] = {
        "pool_timeout": 30, "hide_parameters": True,
        "connect_args": {"server_settings": {"timezone": "UTC", **_KEEPALIVE, **read_only}},
    }  # fmt: skip
    writer = create_async_engine(url, pool_size=10, **served)
    student = create_async_engine(url, pool_size=2, max_overflow=0, **served)
    for each in (writer, student):
        event.listen(each.sync_engine, "checkin", _rests)
        event.listen(each.sync_engine, "checkout", _ping_after_a_rest(each.dialect))
    # A statement that only reads sees one moment by itself: beginning and ending would be two more round trips.
    return Pools(writer, _each_alone(writer), _each_alone(student))


def _rests(_connection: object, record: Any) -> None:
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


def _of_file(url: sa.URL, file: Path) -> Pools:
    file.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
    # One writer: SQLite has one anyway, and waiting in the pool is fairer and quicker than its busy loop.
    common: dict[str, Any] = {
        "async_creator": lambda: sqlite_driver.Connection(file), "pool_timeout": 60, "pool_reset_on_return": None,
        "hide_parameters": True,
    }  # fmt: skip
    writer = create_async_engine(url, pool_size=1, max_overflow=0, **common)
    reader = create_async_engine(url, pool_size=4, max_overflow=4, **common)
    student = create_async_engine(url, pool_size=2, max_overflow=0, **common)
    for engine, begin in ((writer, "BEGIN IMMEDIATE"), (reader, "BEGIN"), (student, "BEGIN")):
        sqlite_driver.prepare(engine, begin)
    return Pools(writer, reader, student)


def _only_reading(url: sa.URL, file: Path) -> Pools:
    if not file.is_file():
        raise ConfigError("database", f"{file} is not there yet")
    engine = create_async_engine(
        url,
        async_creator=lambda: sqlite_driver.Connection(file, is_read_only=True),
        pool_reset_on_return=None,
        hide_parameters=True,
    )
    return Pools(engine, engine, engine)
