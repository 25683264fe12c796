"""How this bot uses its database: alone, or beside other bots that share it; migrated in either case."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.errors import ConfigError
from bot.settings import Settings
from bot.shards import HeldShards
from bot.store.database import Database
from bot.store.leases import Lease, shared_use
from bot.store.migrate import head
from bot.store.single_instance import PATIENCE_S, sole_use

Use = tuple["asyncio.Future[None]", Lease | None]
"""What fails when another bot has come to use the database, and the lease where bots share it."""


@asynccontextmanager
async def exclusive_or_shared(settings: Settings, database: Database) -> AsyncGenerator[Use]:
    """Raises `ConfigError` and `MigrationFailed`."""
    backups = settings.data_dir / "backups"
    if not settings.operation.share_database:
        async with sole_use(database) as evicted:
            await database.migrate(backups)
            yield evicted, None
        return
    _refuse_what_cannot_be_shared(settings, database)
    await _migrate_first(database, backups)
    database.shards = HeldShards()
    async with shared_use(database, settings.operation.lease_s) as lease:
        yield asyncio.get_running_loop().create_future(), lease


async def _migrate_first(database: Database, backups: Path) -> None:
    """Whoever comes first migrates, alone; the others wait for that. Bots of an older version must be stopped."""
    deadline_s = time.monotonic() + PATIENCE_S
    while await database.revision() != head():
        try:
            async with sole_use(database, patience_s=1.0):
                await database.migrate(backups)
        except ConfigError:
            if time.monotonic() >= deadline_s:
                raise


def _refuse_what_cannot_be_shared(settings: Settings, database: Database) -> None:
    if database.path is not None:
        raise ConfigError("operation.share_database", "a SQLite file has one bot; set database_url to PostgreSQL")
    if not settings.pictures_url:
        raise ConfigError("pictures_url", "bots that share a database share the pictures too; name a bucket or a mount")
