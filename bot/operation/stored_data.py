"""What `darkroom check` finds in what is stored. It only looks: nothing is made, migrated or changed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from bot.errors import BotError
from bot.operation.finding import Finding
from bot.settings import Settings
from bot.store import migrate
from bot.store.backup.exchange import Journal
from bot.store.connections import is_sqlite, locate, shown
from bot.store.database import Database
from bot.store.jobs.job_reads import JobReads
from bot.store.jobs.outbox import OutboxStore
from bot.store.leases import who_shares
from bot.store.picture_audit import audit
from bot.store.pictures import PictureStore

_RESTORE = "check database_url, or restore a backup: darkroom restore"
_SHOWN = 3
"""So many are named."""


async def check_database(settings: Settings) -> list[Finding]:
    """Whether it can be read by this version, and whether all that is unfinished in it can."""
    try:
        url = locate(settings.database)
        if Journal(settings.data_dir).read() is not None:
            return [Finding("database", "a restore was interrupted", "darkroom run finishes it; nothing is lost")]
        if is_sqlite(url) and not await asyncio.to_thread(Path(url.database or "").exists):
            return [Finding("database", f"{shown(url)}: made at the first start")]
        database = await Database.look(settings.database)
    except (BotError, OSError) as error:
        return [Finding("database", str(error), _RESTORE)]
    try:
        return await _look(database)
    except BotError as error:
        return [Finding("database", f"{error}: {error.__cause__}", _RESTORE)]
    finally:
        await database.close()


async def check_pictures(settings: Settings) -> list[Finding]:
    """Rows whose pictures are not there, and pictures that no row names."""
    location = settings.pictures_url or settings.data_dir / "pictures"
    is_folder = isinstance(location, Path) or "://" not in location
    if is_folder and not await asyncio.to_thread(Path(location).is_dir):
        return [Finding("pictures", f"{location} is not there yet")]
    try:
        database = await Database.look(settings.database)
    except (BotError, OSError) as error:
        return [Finding("pictures", f"not compared: {error}", _RESTORE)]
    try:
        found = await audit(database, PictureStore.open(location), datetime.now(UTC))
    except BotError as error:
        return [Finding("pictures", f"not compared: {error}", "start the bot once, so that the database is up to date")]
    finally:
        await database.close()
    lost = "restore a backup that has them; their jobs say so when somebody asks for one"
    strays = "the bot deletes them within a day of its work"
    return [
        _listed("pictures without their files", found.missing, lost, f"{found.rows} rows have all of theirs"),
        _listed("files without a row", found.strays, strays, "none"),
    ]


async def _look(database: Database) -> list[Finding]:
    name, revision = shown(database.url), await database.revision()
    if revision is None:
        return [Finding("database", f"{name}: empty; its tables are made at the first start")]
    if not migrate.knows(revision):
        newer = f"{name} was made by a newer Darkroom ({revision}); this one knows up to {migrate.head()}"
        return [Finding("database", newer, "update Darkroom, or restore a backup")]
    if revision != migrate.head():
        return [Finding("database", f"{name}: of an older version; brought up to date at the next start")]
    await JobReads(database).unfinished()
    await OutboxStore(database).set_unknown_aside()
    rows = [f"{table} {row_id}: {why}" for (table, row_id), why in database.unreadable.rows.items()]
    remedy = "they are set aside, everything else goes on; update Darkroom to the version that wrote them"
    return [Finding("database", name), _listed("unreadable rows", rows, remedy, "none"), *await _bots(database)]


async def _bots(database: Database) -> list[Finding]:
    if is_sqlite(database.url):
        return []
    sharing = await who_shares(database)
    if not sharing.bots:
        return []
    text = f"{sharing.bots} share the database and its {sharing.shards} shards"
    if not sharing.free:
        return [Finding("bots", text)]
    return [
        Finding(
            "bots", f"{text}; {sharing.free} belong to none", "a bot takes them up within seconds; if not, read its log"
        )
    ]


def _listed(name: str, found: list[str], remedy: str, well: str) -> Finding:
    if not found:
        return Finding(name, well)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return Finding(name, f"{len(found)}: {'; '.join(found[:_SHOWN])}{more}", remedy)
