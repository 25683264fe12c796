"""Copying a SQLite file while it is written to."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.folders import PRIVATE


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a live SQLite file in one step; blocks, so call it in a thread.

    One step holds a read view and lets writers go on; steps of some pages would start over at every foreign write.
    The copy appears whole or not at all.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
    unfinished = target.with_name(f".{target.name}.part")
    unfinished.unlink(missing_ok=True)
    uri = f"{source.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as reading, closing(sqlite3.connect(unfinished)) as writing:
        reading.backup(writing, pages=-1)
        writing.execute("PRAGMA journal_mode = DELETE")
    unfinished.replace(target)


def check_sqlite(path: Path) -> list[str]:
    """What SQLite finds wrong with a file; empty when it is sound. Blocks."""
    uri = f"{path.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        try:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
            orphans = [f"row without its parent in {row[0]}" for row in connection.execute("PRAGMA foreign_key_check")]
        except sqlite3.DatabaseError as error:
            return [str(error)]
    return [line for line in found if line != "ok"] + orphans
