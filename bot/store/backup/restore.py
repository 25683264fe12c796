"""Puts a backup back: checked first, prepared beside, exchanged at the end, and undone when that fails."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from bot.errors import BackupUnusable
from bot.folders import PRIVATE
from bot.settings import Settings
from bot.store import migrate
from bot.store.backup import archive, postgres_tools
from bot.store.database import Database, is_sqlite, locate
from bot.store.pictures import PictureStore
from bot.store.sqlite_copy import check_sqlite

BEFORE_RESTORE = "before-restore-*"
"""How folders are called that keep what was there before a restore."""
_WAL_FILES = ("", "-wal", "-shm")


async def restore(settings: Settings, file: Path) -> str:
    """Put a backup back while the bot is stopped; says where what was there before is kept.

    Raises `BackupUnusable` and `ConfigError`; everything is then as it was.
    """
    url, manifest = locate(settings.database), await asyncio.to_thread(archive.check, file)
    _refuse(file, manifest, url)
    pictures = settings.pictures_url or settings.data_dir / "pictures"
    aside = settings.data_dir / BEFORE_RESTORE.replace("*", f"{datetime.now(UTC):%Y%m%d-%H%M%S}")
    made = [folder for folder in (aside, *aside.parents) if not folder.exists()]
    aside.mkdir(parents=True, mode=PRIVATE)
    try:
        with archive.opened(file) as (opened, manifest):
            await _restore(opened, manifest, url, pictures, aside)
    except BaseException:
        shutil.rmtree(aside / "new", ignore_errors=True)
        _remove_empty(made)
        raise
    # What was there is as old as it is; from now on it is counted when housekeeping lets it go.
    os.utime(aside)
    return f"{len(manifest.pictures)} pictures and the database of {manifest.created_at:%Y-%m-%d %H:%M} UTC are back; \
what was there before is in {aside} for {settings.operation.backups_kept} days"


def _remove_empty(folders: Sequence[Path]) -> None:
    """Take away the folders that were made, innermost first, unless there is something in them."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _refuse(file: Path, manifest: archive.Manifest, url: sa.URL) -> None:
    if not migrate.knows(manifest.revision):
        raise BackupUnusable(str(file), f"made by a newer Darkroom ({manifest.darkroom}); update first")
    if manifest.database != url.get_backend_name():
        raise BackupUnusable(str(file), f"holds a {manifest.database} database, but {url.get_backend_name()} is set")
    if is_sqlite(url) and url.database and is_in_use(Path(url.database)):
        raise BackupUnusable(str(file), "the bot is running; stop it first")


async def _restore(
    opened: zipfile.ZipFile, manifest: archive.Manifest, url: sa.URL, pictures: str | Path, aside: Path
) -> None:
    staged = aside / "new"
    database = await asyncio.to_thread(_extract_database, opened, manifest, staged)
    if is_sqlite(url):
        if found := await asyncio.to_thread(check_sqlite, database):
            raise BackupUnusable(str(opened.filename), found[0])
        # Opening brings it to this version's schema before anything is exchanged.
        await (await Database.open(database)).close()
    folder = staged / "pictures" if _is_folder(pictures) else None
    store = PictureStore.open(folder or pictures)
    for key, name in manifest.pictures.items():
        await store.put(key, await asyncio.to_thread(opened.read, name))
    if not is_sqlite(url):
        await postgres_tools.dump(url, aside / archive.DATABASES["postgresql"])
        await postgres_tools.load(url, database)
    exchanges = _exchanges(url, database, pictures, folder, aside)
    await asyncio.to_thread(_exchange, exchanges)
    shutil.rmtree(staged, ignore_errors=True)


def _extract_database(opened: zipfile.ZipFile, manifest: archive.Manifest, staged: Path) -> Path:
    staged.mkdir(parents=True)
    target = staged / manifest.database_name
    with opened.open(manifest.database_name) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file)
    return target


def _is_folder(pictures: str | Path) -> bool:
    return isinstance(pictures, Path) or "://" not in pictures


Exchange = tuple[Path | None, Path, Path]
"""What comes (or None), where it goes, and where what was there goes."""


def _exchanges(url: sa.URL, database: Path, pictures: str | Path, folder: Path | None, aside: Path) -> list[Exchange]:
    exchanges: list[Exchange] = []
    if is_sqlite(url):
        place = Path(url.database or "")
        for suffix in _WAL_FILES:
            old, new = place.with_name(place.name + suffix), None if suffix else database
            exchanges.append((new, old, aside / old.name))
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        exchanges.append((folder, Path(pictures), aside / "pictures"))
    return exchanges


def _exchange(exchanges: list[Exchange]) -> None:
    """Make all exchanges, or none. Every step is a rename or a move that can be taken back."""
    done: list[tuple[Path, Path]] = []
    try:
        for new, place, old in exchanges:
            for source, target in ((place, old), (new, place)):
                if source is not None and source.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.move(source, target)
                    done.append((target, source))
    except OSError:
        for target, source in reversed(done):
            shutil.move(target, source)
        raise


def is_in_use(file: Path) -> bool:
    """Whether another process has this SQLite file open: only alone can one leave the write-ahead log. Blocks."""
    if not file.exists():
        return False
    with closing(sqlite3.connect(file, timeout=0.0, isolation_level=None)) as connection:
        try:
            mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        except sqlite3.OperationalError:
            return True
    return mode is None or mode[0] != "delete"
