"""New SQLite databases begin as a copy of one that was migrated: the migrations run once a process, not once a test."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store import migrate
from bot.store.database import Database

REAL = migrate.upgrade
_CONFIG = migrate._config
_template: list[sqlite3.Connection] = []
"""The migrated database in memory, once it was needed."""


@pytest.fixture(autouse=True)
def copied_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the migrations themselves are tested, an empty fixture of this name stands in for it."""
    monkeypatch.setattr(migrate, "upgrade", upgrade)


async def upgrade(engine: AsyncEngine, backups: Path | None) -> None:
    """As `migrate.upgrade`, which it calls for everything but a new SQLite file."""
    if engine.dialect.name != "sqlite" or migrate._config is not _CONFIG or not await _filled(engine):
        await REAL(engine, backups)


async def _filled(engine: AsyncEngine) -> bool:
    """Whether the database was empty; now it is a copy of the template."""
    template, filled = await _migrated(), list[bool]()

    def fill(connection: sqlite3.Connection) -> None:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            template.backup(connection)
            filled.append(True)

    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver._in_thread(fill)
    return bool(filled)


async def _migrated() -> sqlite3.Connection:
    if not _template:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "template.sqlite3"
            database = await Database.connect(file)
            await REAL(database._writer, None)
            await database.close()
            kept = sqlite3.connect(":memory:", check_same_thread=False)
            with closing(sqlite3.connect(file)) as made:
                made.backup(kept)
        _template.append(kept)
    return _template[0]
