"""Backups are whole, restores are all or nothing."""

from __future__ import annotations

import asyncio
import hashlib
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.domain.model import Job
from bot.errors import BackupUnusable, BotError, ConfigError, JobNotFound
from bot.settings import Settings
from bot.store.backup import archive, postgres_tools
from bot.store.backup.backup import backup
from bot.store.backup.restore import restore
from bot.store.database import Database
from bot.store.jobs.admission import AdmissionLimits
from bot.store.jobs.jobs import JobStore
from bot.store.pictures import PictureStore
from bot.store.single_instance import sole_use
from tests.bot.store.asks import NOW, NoLedger, accept, ask, kept
from tests.patience import until


class Place:
    """A data folder with a bot that may be running."""

    def __init__(self, folder: Path, url: str) -> None:
        is_file = url.startswith("sqlite")
        self.settings = Settings(data_dir=folder / "data", database_url="" if is_file else url)
        self.pictures = PictureStore.open(folder / "data" / "pictures")

    async def start(self) -> None:
        self.database = await Database.open(self.settings.database)
        self.jobs = JobStore(self.database, NoLedger(), limits=AdmissionLimits(999))

    async def stop(self) -> None:
        await self.database.close()

    async def draw(self, content: bytes) -> Job:
        job = await self.jobs.claim(await accept(self.jobs, ask()))
        made = kept(job, 1)
        await self.pictures.put(made.cells[0].key, content)
        return await self.jobs.keep(job, made, NOW)

    async def seen(self, job: Job) -> bytes:
        [cell] = await self.jobs.cells(job.id)
        return await self.pictures.get(cell.key)


@pytest.fixture
async def place(url: str, tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path, url)
    await made.start()
    yield made
    await made.stop()


async def test_there_and_back(place: Place, tmp_path: Path) -> None:
    before = await place.draw(b"before")
    said = await backup(place.settings, tmp_path / "backup.zip")
    assert "1 pictures" in said
    after = await place.draw(b"after")
    await place.stop()
    said = await restore(place.settings, tmp_path / "backup.zip")
    await place.start()
    assert await place.jobs.get(before.id) == before
    assert await place.seen(before) == b"before"
    with pytest.raises(JobNotFound):
        await place.jobs.get(after.id)
    [aside] = place.settings.data_dir.glob("before-restore-*")
    assert aside.name in said
    kept_aside = {path.name for path in aside.iterdir()}
    assert kept_aside in ({"darkroom.sqlite3", "pictures"}, {"darkroom.pgdump", "pictures"})


async def test_taken_while_jobs_are_written(place: Place, tmp_path: Path) -> None:
    stop, written = asyncio.Event(), list[Job]()

    async def write() -> None:
        while not stop.is_set():
            written.append(await place.draw(b"x" * 1000))

    writing = asyncio.create_task(write())
    await until(lambda: len(written) >= 3)
    await backup(place.settings, tmp_path / "backup.zip")
    stop.set()
    await writing
    await place.stop()
    await restore(place.settings, tmp_path / "backup.zip")
    await place.start()
    jobs = await place.jobs.unfinished()
    assert jobs
    for job in jobs:
        for _ in await place.jobs.cells(job.id):
            assert await place.seen(job) == b"x" * 1000


async def test_into_an_empty_place(place: Place, tmp_path: Path) -> None:
    if place.database.path is None:
        pytest.skip("a server's database is not in the folder")
    job = await place.draw(b"moved")
    await backup(place.settings, tmp_path / "backup.zip")
    new = Place(tmp_path / "new", "sqlite://")
    await restore(new.settings, tmp_path / "backup.zip")
    await new.start()
    assert await new.seen(job) == b"moved"
    await new.stop()


async def test_refused_while_the_bot_runs(place: Place, tmp_path: Path) -> None:
    job = await place.draw(b"x")
    await backup(place.settings, tmp_path / "backup.zip")
    async with sole_use(place.database):
        with pytest.raises(BotError, match=r"stop (it first|that one)"):
            await restore(place.settings, tmp_path / "backup.zip")
    assert await place.jobs.get(job.id) == job


async def test_a_backup_is_never_written_over(place: Place, tmp_path: Path) -> None:
    (tmp_path / "backup.zip").write_text("precious")
    with pytest.raises(BackupUnusable, match="already"):
        await backup(place.settings, tmp_path / "backup.zip")
    assert leftovers(tmp_path) == []


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def leftovers(folder: Path) -> list[str]:
    return [name for name in names(folder) if name.startswith(".")]


def rewrite(file: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> None:
    with zipfile.ZipFile(file) as old:
        contents = [(name, old.read(name)) for name in old.namelist()]
    with zipfile.ZipFile(file, "w") as new:
        for item in contents:
            if (changed := change(*item)) is not None:
                new.writestr(*changed)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda name, content: None if name.endswith(".png") else (name, content), "missing"),
        (lambda name, content: (name, b"y" if name.endswith(".png") else content), "damaged"),
        (lambda name, content: None if name == archive.MANIFEST else (name, content), "not a whole backup"),
        (lambda name, content: (name, content.replace(b'"00', b'"99')), "newer Darkroom"),
        (lambda name, content: (name.replace("jobs/", "../../"), content.replace(b"jobs/", b"../../")), "names that"),
        (lambda name, content: (name, b"hello") if name == archive.MANIFEST else (name, content), "not a whole"),
    ],
)
async def test_a_broken_backup_changes_nothing(
    tmp_path: Path, change: Callable[[str, bytes], tuple[str, bytes] | None], why: str
) -> None:
    place, file = Place(tmp_path, "sqlite://"), tmp_path / "backup.zip"
    await place.start()
    job = await place.draw(b"x")
    await backup(place.settings, file)
    await place.stop()
    rewrite(file, change)
    before = sorted(names(place.settings.data_dir))
    with pytest.raises(BackupUnusable, match=why):
        await restore(place.settings, file)
    assert sorted(names(place.settings.data_dir)) == before
    await place.start()
    assert await place.seen(job) == b"x"
    await place.stop()


async def test_a_backup_of_something_else_leaves_nothing_behind(tmp_path: Path) -> None:
    place, file = Place(tmp_path, "sqlite://"), tmp_path / "backup.zip"
    await place.start()
    await backup(place.settings, file)
    await place.stop()
    with zipfile.ZipFile(file) as old:
        manifest = archive.Manifest.model_validate_json(old.read(archive.MANIFEST))
    entry = archive.Entry(sha256=hashlib.sha256(b"no database").hexdigest(), size_bytes=11)
    with zipfile.ZipFile(file, "w") as new:
        new.writestr(manifest.database_name, b"no database")
        foreign = manifest.model_copy(update={"files": {manifest.database_name: entry}})
        new.writestr(archive.MANIFEST, foreign.model_dump_json())
    elsewhere = Settings(data_dir=tmp_path / "new" / "data")
    with pytest.raises(BackupUnusable):
        await restore(elsewhere, file)
    assert not (tmp_path / "new").exists()


async def test_a_file_that_is_no_backup(tmp_path: Path) -> None:
    place = Place(tmp_path, "sqlite://")
    (tmp_path / "text").write_text("hello")
    for file in (tmp_path / "text", tmp_path / "nothing"):
        with pytest.raises(BackupUnusable):
            await restore(place.settings, file)


async def test_where_nothing_is_a_backup_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(BackupUnusable, match="no database yet"):
        await backup(Settings(data_dir=tmp_path / "data"), tmp_path / "new" / "backup.zip")
    assert names(tmp_path) == []


async def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match="postgresql-client"):
        await postgres_tools.dump(sa.make_url("postgresql://x/y"), tmp_path / "dump")
