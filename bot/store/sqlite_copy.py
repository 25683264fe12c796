"""Copies a SQLite file that is in use, and checks one."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from bot.folders import PRIVATE
from bot.store.failures import store_error


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a SQLite file that is in use. Blocks: call it in a thread.

    The backup is one step (https://sqlite.org/backup.html): a backup in several steps starts over whenever another
    connection writes. Writers continue meanwhile. The copy is renamed into place when it is complete.

    Raises:
        StoreError: the file cannot be read, or the copy not written; then nothing of it is left.
    """
    unfinished = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
        unfinished.unlink(missing_ok=True)
        _copy(source, unfinished)
        unfinished.replace(target)
    except (sqlite3.Error, OSError) as error:
        with suppress(OSError):  # on a full disk it would keep the last room
            unfinished.unlink(missing_ok=True)
        raise store_error("the copy of the database", error) from error


def _copy(source: Path, unfinished: Path) -> None:
    uri = f"{source.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as reading, closing(sqlite3.connect(unfinished)) as writing:
        reading.backup(writing, pages=-1)
        writing.execute("PRAGMA journal_mode = DELETE")


def check_sqlite(path: Path) -> list[str]:
    """Return what integrity_check and foreign_key_check find wrong, by table; empty for a sound file. Blocks."""
    uri = f"{path.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        try:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
            orphans = [
                f"{row[0]}: a row without its parent row" for row in connection.execute("PRAGMA foreign_key_check")
            ]
        except sqlite3.DatabaseError as error:
            return [str(error)]
    return [line for line in found if line != "ok"] + orphans
