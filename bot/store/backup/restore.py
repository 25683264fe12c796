"""Puts a backup back: checked first, prepared beside, exchanged at the end, and undone when that fails."""

from __future__ import annotations

import os
import sqlite3
import zipfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, closing, nullcontext
from datetime import UTC, datetime
from pathlib import Path

from bot.errors import BackupUnusable
from bot.settings import Settings
from bot.store import migrate
from bot.store.backup import archive, postgres_tools
from bot.store.backup.exchange import Exchange, Journal, Move, moves
from bot.store.backup.staging import Aside, extract, prove_space, refuse_mounts, settled, to_its_end
from bot.store.connections import is_sqlite, locate
from bot.store.database import Database
from bot.store.pictures import PictureStore
from bot.store.single_instance import locked, sole_use
from bot.store.sqlite_copy import check_sqlite

_WAL_FILES = ("", "-wal", "-shm")


async def restore(settings: Settings, file: Path) -> str:
    """Put a backup back while the bot is stopped; says where what was there before is kept.

    Raises `BackupUnusable` and `ConfigError`; everything is then as it was.
    """
    await finish_restore(settings)
    manifest = await settled(archive.check, file)
    targets = Targets(settings)
    targets.refuse(file, manifest)
    journal = Journal(settings.data_dir)
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
    async with _alone(targets), AsyncExitStack() as made:
        asides: dict[Path, Aside] = {}
        for parent in dict.fromkeys(target.parent for target in targets.beside):
            asides[parent] = Aside.within(parent, stamp)
            made.callback(_discard, asides[parent], journal)
        try:
            with archive.opened(file) as (opened, manifest):
                exchange = await _prepare(opened, manifest, targets, asides)
            await to_its_end(_exchange(exchange, journal, targets))
        except OSError as error:
            raise BackupUnusable(str(file), f"could not be put back ({error}); all is as it was") from error
        for aside in asides.values():
            # What was there is as old as it is; from now on it is counted when housekeeping lets it go.
            os.utime(aside.folder)
    kept = ", ".join(str(aside.folder) for aside in asides.values())
    return f"{len(manifest.pictures)} pictures and the database of {manifest.created_at:%Y-%m-%d %H:%M} UTC are back; \
what was there before is in {kept} for {settings.operation.backups_kept} days"


def _discard(aside: Aside, journal: Journal) -> None:
    """While an exchange is written down as under way, what was prepared is still needed."""
    if not journal.path.exists():
        aside.discard()


class Targets:
    """What a restore replaces: real paths, since a link is not exchanged but what it leads to."""

    def __init__(self, settings: Settings) -> None:
        self.url = locate(settings.database)
        self.data_dir = settings.data_dir
        self.database = Path(self.url.database).resolve() if is_sqlite(self.url) and self.url.database else None
        self.lock = Path(self.url.database or "")
        self.location = settings.pictures_url or settings.data_dir / "pictures"
        is_folder = isinstance(self.location, Path) or "://" not in self.location
        self.pictures = Path(self.location).resolve() if is_folder else None

    @property
    def beside(self) -> dict[Path, None]:
        """The files and folders that are exchanged; a server's dump is kept in the data folder."""
        database = self.database or self.data_dir.resolve() / archive.DATABASES["postgresql"]
        return dict.fromkeys([database, *([self.pictures] if self.pictures else [])])

    @property
    def database_file(self) -> Path:
        """Beside which the database is prepared."""
        return next(iter(self.beside))

    def refuse(self, file: Path, manifest: archive.Manifest) -> None:
        """Before anything is touched. Raises `BackupUnusable` and `ConfigError`."""
        if not migrate.knows(manifest.revision):
            raise BackupUnusable(str(file), f"made by a newer Darkroom ({manifest.darkroom}); update first")
        if manifest.database != self.url.get_backend_name():
            found, is_set = manifest.database, self.url.get_backend_name()
            raise BackupUnusable(str(file), f"holds a {found} database, but {is_set} is set")
        if self.database and is_in_use(self.database):
            raise BackupUnusable(str(file), "the bot is running; stop it first")
        refuse_mounts(self.beside)
        sizes = {name: entry.size_bytes for name, entry in manifest.files.items()}
        database_bytes = sizes.pop(manifest.database_name)
        needs = [(self.database_file.parent, 2 * database_bytes)]  # once more, for a migration
        if self.pictures:
            needs.append((self.pictures.parent, sum(sizes.values())))
        prove_space(str(file), needs)


@asynccontextmanager
async def _alone(targets: Targets) -> AsyncGenerator[None]:
    """Nobody else uses the database. Raises `ConfigError`."""
    if targets.database:
        # Where there is no folder, there is no bot.
        with locked(targets.lock) if targets.lock.parent.exists() else nullcontext():
            yield
        return
    database = await Database.connect(targets.url.render_as_string(hide_password=False))
    try:
        async with sole_use(database, patience_s=0.0):
            yield
    finally:
        await database.close()


async def _prepare(
    opened: zipfile.ZipFile, manifest: archive.Manifest, targets: Targets, asides: dict[Path, Aside]
) -> Exchange:
    aside = asides[targets.database_file.parent]
    database = aside.new / manifest.database_name
    await extract(opened, {manifest.database_name: database})
    planned: list[Move] = []
    if targets.database:
        if found := await settled(check_sqlite, database):
            raise BackupUnusable(str(opened.filename), found[0])
        # Opening brings it to this version's schema before anything is exchanged.
        await (await Database.open(database)).close()
        for suffix in _WAL_FILES:
            place = targets.database.with_name(targets.database.name + suffix)
            planned += moves(None if suffix else database, place, aside.folder / place.name)
    else:
        await postgres_tools.dump(targets.url, aside.folder / targets.database_file.name)
    if targets.pictures:
        beside = asides[targets.pictures.parent]
        folder = beside.new / "pictures"
        folder.mkdir(parents=True)
        await extract(opened, {name: folder / key for key, name in manifest.pictures.items()})
        planned += moves(folder, targets.pictures, beside.folder / "pictures")
    else:
        store = PictureStore.open(targets.location)
        for key, name in manifest.pictures.items():
            await store.put(key, await settled(opened.read, name))
    return Exchange(moves=tuple(planned), dump=None if targets.database else database)


async def _exchange(exchange: Exchange, journal: Journal, targets: Targets) -> None:
    """All of it or nothing; a kill in between leaves the journal, by which the next start finishes it."""
    journal.write(exchange)
    try:
        exchange.make()
        if exchange.dump:
            await postgres_tools.load(targets.url, exchange.dump)
    except BaseException:
        exchange.take_back()
        journal.end()
        raise
    journal.end()


async def finish_restore(settings: Settings) -> None:
    """Take the rest of the steps of a restore that was killed; nothing where there was none.

    Raises:
        ConfigError: the database is in use, or a step cannot be taken; the journal is kept then.
    """
    journal = Journal(settings.data_dir)
    if journal.read() is None:
        return
    targets = Targets(settings)
    async with _alone(targets):
        if (exchange := journal.read()) is None:
            return
        exchange.make()
        if exchange.dump:
            await postgres_tools.load(targets.url, exchange.dump)
        journal.end()


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
