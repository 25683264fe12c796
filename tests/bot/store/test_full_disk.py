"""A full disk is told apart from other errors of the stores, whichever store meets it."""

from __future__ import annotations

import errno
import zipfile
from pathlib import Path

import asyncpg
import pytest
from obstore.exceptions import GenericError
from sqlalchemy.exc import DBAPIError

from bot.errors import BackupUnusable, DiskFull, StoreError, unexplained
from bot.store import migrate
from bot.store.backup.backup import write
from bot.store.database import Database
from bot.store.failures import store_error
from bot.store.pictures import PictureStore
from bot.store.sqlite_copy import copy_sqlite

_OBSTORE = "Generic LocalFileSystem error: Unable to copy data to file: No space left on device (os error 28)"


async def test_sqlite_without_room_is_a_full_disk(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "darkroom.sqlite3")
    with pytest.raises(DiskFull, match="the database failed: no space left"):
        async with database.write() as connection:
            await connection.exec_driver_sql("PRAGMA max_page_count = 1")  # as many as there are by now
            await connection.exec_driver_sql("CREATE TABLE more (content BLOB)")
            await connection.exec_driver_sql("INSERT INTO more VALUES (zeroblob(1000000))")
    await database.close()


async def test_a_start_without_room_is_no_wrong_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(migrate, "upgrade", full)
    with pytest.raises(DiskFull, match="no space left"):
        await Database.open(tmp_path / "darkroom.sqlite3")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        GenericError(_OBSTORE),
        DBAPIError("INSERT", {}, asyncpg.DiskFullError("could not extend file")),
    ],
)
def test_every_store_says_so_in_its_own_way(error: Exception) -> None:
    found = store_error("the store", error)
    assert isinstance(found, DiskFull) and unexplained(found) is None


def test_other_errors_stay_store_errors_with_their_traceback() -> None:
    for error in (PermissionError(errno.EACCES, "no"), DBAPIError("INSERT", {"prompt": "(os error 28)"}, Exception())):
        found = store_error("the store", error)
        assert type(found) is StoreError and unexplained(found) is found


def test_an_unfinished_copy_takes_no_room(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="the copy of the database failed"):
        copy_sqlite(tmp_path / "source", tmp_path / "backups" / "copy")
    assert list((tmp_path / "backups").iterdir()) == []


async def test_a_backup_without_room_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = await Database.open(tmp_path / "darkroom.sqlite3")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    monkeypatch.setattr(zipfile.ZipFile, "open", full)
    with pytest.raises(BackupUnusable, match="No space left on device"):
        await write(database.url, PictureStore.open(tmp_path / "pictures"), tmp_path / "kept" / "backup.zip")
    assert list((tmp_path / "kept").iterdir()) == []
    await database.close()
