"""Backups, also while the bot runs: the database first, then the pictures it may name."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from bot.errors import BackupUnusable
from bot.settings import Settings
from bot.store import migrate
from bot.store.backup import archive, postgres_tools
from bot.store.backup.restore import finish_restore
from bot.store.connections import is_sqlite, locate
from bot.store.pictures import PictureStore
from bot.store.sqlite_copy import copy_sqlite


async def backup(settings: Settings, file: Path) -> str:
    """Copy database and pictures into one file; says what was written. Raises `BackupUnusable` and `ConfigError`."""
    url = locate(settings.database)
    await finish_restore(settings)
    _prove(url)  # before any folder is made
    pictures = PictureStore.open(settings.pictures_url or settings.data_dir / "pictures")
    manifest = await write(url, pictures, file)
    size_mb = sum(entry.size_bytes for entry in manifest.files.values()) / 1e6
    return f"{file}: the database and {len(manifest.pictures)} pictures, {size_mb:.1f} MB"


async def write(url: sa.URL, pictures: PictureStore, file: Path) -> archive.Manifest:
    """Write a backup; it appears whole or not at all. Raises `BackupUnusable` and `StoreError`."""
    try:
        return await _write_whole(url, pictures, file)
    except OSError as error:  # a full disk, or a folder that may not be written
        raise BackupUnusable(str(file), error.strerror or str(error)) from error


async def _write_whole(url: sa.URL, pictures: PictureStore, file: Path) -> archive.Manifest:
    await asyncio.to_thread(_make_room, file)
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=file.parent) as folder:
        copy, unfinished = Path(folder) / "database", Path(folder) / file.name
        revision = await _copy_database(url, copy)
        manifest = await _write(unfinished, url, revision, copy, pictures)
        await asyncio.to_thread(archive.check, unfinished)
        unfinished.replace(file)
    return manifest


async def _write(file: Path, url: sa.URL, revision: str, copy: Path, pictures: PictureStore) -> archive.Manifest:
    kind = "sqlite" if is_sqlite(url) else "postgresql"
    with zipfile.ZipFile(file, "x") as opened:
        writer = archive.Writer(opened)
        await asyncio.to_thread(writer.add_file, archive.DATABASES[kind], copy)
        async for page in pictures.pages():
            for stored in page:
                try:
                    content = await pictures.get(stored.key)
                except KeyError:
                    continue  # deleted meanwhile, by a member or by retention
                await asyncio.to_thread(writer.add_picture, stored.key, content)
        manifest = archive.Manifest(
            darkroom=_version(), revision=revision, database=kind, created_at=datetime.now(UTC), files=writer.files
        )
        writer.finish(manifest)
    return manifest


async def _copy_database(url: sa.URL, copy: Path) -> str:
    """Copy a live database; returns its schema's revision."""
    if not is_sqlite(url):
        await postgres_tools.dump(url, copy)
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            revision = await connection.run_sync(migrate.revision)
        await engine.dispose()
        return revision or ""
    return await asyncio.to_thread(_copy_file, Path(url.database or ""), copy)


def _prove(url: sa.URL) -> None:
    if is_sqlite(url) and not Path(url.database or "").is_file():
        raise BackupUnusable(str(url.database), "there is no database yet")


def _make_room(file: Path) -> None:
    if file.exists():
        raise BackupUnusable(str(file), "is there already; choose another name")
    file.parent.mkdir(parents=True, exist_ok=True)


def _copy_file(source: Path, copy: Path) -> str:
    copy_sqlite(source, copy)
    return sqlite_revision(copy)


def sqlite_revision(file: Path) -> str:
    """The schema's revision of a SQLite file, or "". Blocks."""
    with closing(sqlite3.connect(file)) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            return ""
    return str(row[0]) if row else ""


def _version() -> str:
    try:
        return metadata.version("darkroom")
    except metadata.PackageNotFoundError:
        return "unknown"
