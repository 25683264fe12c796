"""`darkroom check` looks at what is stored, names what is wrong and changes nothing."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.operation.finding import Finding
from bot.operation.stored_data import check_database, check_pictures
from bot.settings import Settings
from bot.store.backup.exchange import Exchange, Journal
from bot.store.database import Database
from bot.store.jobs.jobs import JobStore
from bot.store.leases import shared_use
from bot.store.pictures import PictureStore
from bot.store.schema import jobs, outbox
from bot.store.single_instance import sole_use
from tests.bot.store.asks import NOW, NoLedger, accept, ask, kept


async def found(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in [*await check_database(settings), *await check_pictures(settings)]}


def everything(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal")))
    return {str(path): path.read_bytes() for path in files}


async def test_nothing_is_made_where_nothing_is(tmp_path: Path) -> None:
    findings = await found(Settings(data_dir=tmp_path / "data"))
    assert "made at the first start" in findings["database"].found
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("runs", [True, False])
async def test_an_older_database_is_left_as_it_is(tmp_path: Path, runs: bool) -> None:
    settings = Settings(data_dir=tmp_path)
    database = await Database.open(settings.database)
    async with database.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '0006'"))
    if not runs:
        await database.close()
    async with sole_use(database):
        before = everything(tmp_path)
        findings = await check_database(settings)
        assert everything(tmp_path) == before
    assert [finding.is_well for finding in findings] == [True] and "next start" in findings[0].found
    await database.close()
    with closing(sqlite3.connect(tmp_path / "darkroom.sqlite3")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0006",)]


async def test_a_newer_or_broken_database_is_named(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    database = await Database.open(settings.database)
    async with database.write() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()
    [finding] = await check_database(settings)
    assert not finding.is_well and "newer Darkroom" in finding.found
    (tmp_path / "darkroom.sqlite3").write_bytes(b"not a database" * 1000)
    [finding] = await check_database(settings)
    assert not finding.is_well and "not a database" in finding.found


async def test_unreadable_rows_are_named(url: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=url)
    database = await Database.open(url)
    store = JobStore(database, NoLedger())
    bad, owed = await accept(store), await store.claim(await accept(store))
    await store.keep(owed, kept(owed), NOW)
    async with database.write() as connection:
        await connection.execute(sa.update(jobs).where(jobs.c.id == bad.id).values(spec="{}"))
        await connection.execute(sa.update(outbox).values(kind="hologram"))
    await database.close()
    [whole, rows] = await check_database(settings)
    assert whole.is_well and not rows.is_well
    assert bad.id in rows.found and f"outbox {owed.id}: unknown kind 'hologram'" in rows.found


async def test_rows_and_pictures_are_compared(url: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=url)
    database, pictures = await Database.open(url), PictureStore.open(tmp_path / "pictures")
    store = JobStore(database, NoLedger())
    job = await store.claim(await accept(store, ask(spec_fields={"images": ("uploads/gone.png",)})))
    made = kept(job, 2)
    await store.keep(job, made, NOW)
    await pictures.put(made.cells[0].key, b"x")
    for name in ("old", "young"):
        await pictures.put(f"jobs/{name}/0.png", b"x")
    os.utime(tmp_path / "pictures/jobs/old/0.png", times=(0, time.time() - 2 * 86400))
    await database.close()
    findings = await found(settings)
    missing, strays = findings["pictures without their files"], findings["files without a row"]
    assert missing.found == f"2: {made.cells[1].key}; uploads/gone.png" and missing.remedy
    assert strays.found == "1: jobs/old/0.png" and strays.remedy
    await pictures.put(made.cells[1].key, b"x")
    await pictures.put("uploads/gone.png", b"x")
    await pictures.delete("jobs/old/0.png")
    findings = await found(settings)
    assert findings["pictures without their files"].found == "3 rows have all of theirs"
    assert findings["files without a row"].is_well


async def test_an_interrupted_restore_is_named(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    Journal(tmp_path).write(Exchange(moves=()))
    [finding] = await check_database(settings)
    assert not finding.is_well and "restore was interrupted" in finding.found


@pytest.mark.postgres
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_bots_that_share_the_database_are_counted(url: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=url)
    await (await Database.open(url)).close()
    assert "bots" not in {finding.name for finding in await check_database(settings)}
    shared = await Database.connect(url)
    async with shared_use(shared, 60.0) as lease:
        await lease.agree(3, is_configured=False)
        [free] = [finding for finding in await check_database(settings) if finding.name == "bots"]
        assert not free.is_well and free.found == "1 share the database and its 3 shards; 3 belong to none"
        await lease.deal()
        [dealt] = [finding for finding in await check_database(settings) if finding.name == "bots"]
        assert dealt.is_well
    await shared.close()
