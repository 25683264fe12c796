"""Brings a database to this version's schema, from an installed package, under one lock, with a copy made before."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.errors import MigrationFailed
from bot.store.sqlite_copy import copy_sqlite

BEFORE_MIGRATION = "before-*-to-*.sqlite3"
"""How copies made before migrations are called."""
_LOCK = 0x6461726B  # "dark": the number of the advisory lock in PostgreSQL


def head() -> str:
    """The newest revision this version knows."""
    return _head(_config)


def knows(revision: str) -> bool:
    """Whether this version can bring that revision up to date."""
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return revision in {script.revision for script in scripts}


async def upgrade(engine: AsyncEngine, backups: Path | None) -> None:
    """Apply what is missing, in one transaction. Raises `MigrationFailed`; the database is then as it was before."""
    async with engine.connect() as connection, without_cascades(connection), connection.begin():
        await _lock(connection)
        current = await connection.run_sync(revision)
        if current == head():
            return
        _refuse_newer(current)
        if current is not None and backups is not None:
            await _keep_copy(engine, backups, current)
        orphans = await _orphans(connection)
        try:
            await connection.run_sync(_apply)
        except (SQLAlchemyError, CommandError) as error:
            raise MigrationFailed(head(), f"from {current or 'nothing'}: {error}") from error
        if made := await _orphans(connection) - orphans:
            raise MigrationFailed(head(), f"from {current}: rows without their parents in {', '.join(sorted(made))}")


@asynccontextmanager
async def without_cascades(connection: AsyncConnection) -> AsyncGenerator[None]:
    """SQLite changes a table by copying and dropping it, which with foreign keys on empties every table below it.

    The pragma does nothing inside a transaction: https://sqlite.org/lang_altertable.html#otheralter
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        await driver.execute("PRAGMA foreign_keys = ON")


@functools.cache
def _head(config: Callable[[], Config]) -> str:
    """Read once a process: its migrations do not change."""
    return ScriptDirectory.from_config(config()).get_current_head() or ""


async def _orphans(connection: AsyncConnection) -> Counter[str]:
    """How many rows of each table miss their parent; counted in SQLite, as PostgreSQL allows none."""
    if connection.dialect.name != "sqlite":
        return Counter()
    return Counter(row[0] for row in await connection.exec_driver_sql("PRAGMA foreign_key_check"))


def revision(connection: sa.Connection) -> str | None:
    """Which revision the database has; None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


async def _lock(connection: AsyncConnection) -> None:
    # SQLite's transaction is the lock: it was begun as a writer.
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _refuse_newer(current: str | None) -> None:
    if current is not None and not knows(current):
        raise MigrationFailed(current, f"made by a newer Darkroom; this one knows up to {head()}: update, or restore")


async def _keep_copy(engine: AsyncEngine, backups: Path, current: str) -> None:
    # The open transaction has written nothing yet: the copy shows the state before.
    database = engine.url.database
    if database is not None and engine.dialect.name == "sqlite":
        await asyncio.to_thread(copy_sqlite, Path(database), backups / f"before-{current}-to-{head()}.sqlite3")


def _apply(connection: sa.Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
