"""Whatever stops a restore: what was there before is whole, or what was in the backup is."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bot.errors import BackupUnusable, ConfigError
from bot.settings import Settings
from bot.store.backup import exchange, postgres_tools, staging
from bot.store.backup import restore as restores
from bot.store.backup.backup import backup
from bot.store.backup.restore import restore
from bot.store.database import Database
from bot.store.jobs.jobs import JobStore
from bot.store.pictures import PictureStore
from tests.bot.store.asks import NOW, NoLedger, accept, ask, kept

ROOT = Path(__file__).parents[4]
Mount = Callable[[str], Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Gives a filesystem of its own, of that size; skips where this user may not mount one."""
    with ExitStack() as mounted:

        def make(size: str) -> Path:
            place = tmp_path / "mounted"
            place.mkdir()
            command = ("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place))
            if not hasattr(os, "geteuid") or os.geteuid() or subprocess.run(command, check=False).returncode:
                pytest.skip("no filesystem can be mounted here")
            mounted.callback(subprocess.run, ("umount", str(place)), check=True)
            return place

        yield make


class Place:
    """A bot's data, its pictures wherever they are."""

    def __init__(self, folder: Path, pictures: Path, url: str = "") -> None:
        self.pictures = pictures
        self.settings = Settings(data_dir=folder / "data", pictures_url=str(pictures), database_url=url)

    async def draw(self) -> str:
        """A job with one picture."""
        database, pictures = await Database.open(self.settings.database), PictureStore.open(self.pictures)
        jobs = JobStore(database, NoLedger())
        job = await jobs.claim(await accept(jobs, ask()))
        made = kept(job, 1)
        await pictures.put(made.cells[0].key, b"picture")
        await jobs.keep(job, made, NOW)
        await database.close()
        return job.id

    async def jobs(self) -> list[str]:
        """All of them, by id."""
        database = await Database.open(self.settings.database)
        found = await JobStore(database, NoLedger()).unfinished()
        await database.close()
        return sorted(job.id for job in found)

    def drawn(self) -> list[str]:
        """The jobs that have a picture."""
        return sorted(path.parent.name for path in self.pictures.rglob("*.png"))

    def files(self) -> list[str]:
        """Everything in the folders of both."""
        both = (self.settings.data_dir, self.pictures.parent)
        found = (path for folder in both for path in folder.rglob("*") if path.suffix != ".lock")
        return sorted(str(path) for path in found)


async def backed_up(place: Place, file: Path) -> tuple[list[str], list[str]]:
    """What is in the backup, and what is there afterwards."""
    old = await place.draw()
    await backup(place.settings, file)
    return [old], sorted([old, await place.draw()])


@pytest.mark.parametrize("is_elsewhere", [False, True], ids=["one filesystem", "two filesystems"])
async def test_killed_at_any_step_it_is_old_or_new(tmp_path: Path, mount: Mount, is_elsewhere: bool) -> None:
    place = Place(tmp_path, (mount("64m") if is_elsewhere else tmp_path / "data") / "pictures")
    new, old = await backed_up(place, tmp_path / "backup.zip")
    arguments = (place.settings.data_dir, place.pictures, tmp_path / "backup.zip")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bot.store.backup.killed_restore", *map(str, arguments)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    outcomes: list[dict[str, Any]] = json.loads(said)
    assert len(outcomes) > 10 and outcomes[-1]["ended"] == 0
    for outcome in outcomes:
        assert outcome["finished"] == 0, outcome
        assert outcome["jobs"] == outcome["pictures"], outcome
        assert outcome["jobs"] in (old, new), outcome
        assert outcome["jobs"] == old or outcome["aside"] == old, outcome
    assert sum(outcome["was_under_way"] for outcome in outcomes) >= 4
    assert [outcome["jobs"] for outcome in outcomes if outcome["was_under_way"]].count(new) >= 4


async def test_a_mount_point_is_refused_untouched(tmp_path: Path, mount: Mount) -> None:
    place = Place(tmp_path, mount("64m"))
    _, old = await backed_up(place, tmp_path / "backup.zip")
    before = place.files()
    with pytest.raises(ConfigError, match="is a mount point"):
        await restore(place.settings, tmp_path / "backup.zip")
    assert place.files() == before
    assert await place.jobs() == place.drawn() == old


@pytest.mark.parametrize("is_seen", [True, False], ids=["seen before", "met half way"])
async def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, mount: Mount, monkeypatch: pytest.MonkeyPatch, is_seen: bool
) -> None:
    place = Place(tmp_path, mount("2m") / "pictures")
    await place.draw()
    heavy = place.pictures / "jobs" / "heavy" / "0.png"
    heavy.parent.mkdir()
    heavy.write_bytes(os.urandom(1_500_000))
    await backup(place.settings, tmp_path / "backup.zip")
    if not is_seen:
        monkeypatch.setattr(restores, "prove_space", lambda *_: None)
    before = place.files()
    with pytest.raises(BackupUnusable, match="more space" if is_seen else "No space left"):
        await restore(place.settings, tmp_path / "backup.zip")
    assert place.files() == before


async def test_ctrl_c_leaves_nothing_that_still_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path, tmp_path / "data" / "pictures")
    _, old = await backed_up(place, tmp_path / "backup.zip")
    before, begun, go_on, ended = place.files(), threading.Event(), threading.Event(), threading.Event()
    extract = staging._extract

    def slowly(*arguments: Any) -> None:
        begun.set()
        go_on.wait()
        extract(*arguments)
        ended.set()

    monkeypatch.setattr(staging, "_extract", slowly)
    restoring = asyncio.create_task(restore(place.settings, tmp_path / "backup.zip"))
    await asyncio.to_thread(begun.wait)
    restoring.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait({restoring})
    assert restoring.cancelled() and ended.is_set()
    assert place.files() == before
    assert await place.jobs() == place.drawn() == old


@pytest.mark.parametrize("fails_at", [1, 2, 3, 4])
async def test_an_exchange_that_fails_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    place = Place(tmp_path, tmp_path / "elsewhere" / "pictures")
    _, old = await backed_up(place, tmp_path / "backup.zip")
    rename, renamed, before = os.rename, list[object](), place.files()

    def fails_once(source: Path, target: Path) -> None:
        renamed.append(target)
        if len(renamed) == fails_at:
            raise OSError("the disk is gone")
        rename(source, target)

    monkeypatch.setattr(exchange.os, "rename", fails_once)
    with pytest.raises(BackupUnusable, match="the disk is gone"):
        await restore(place.settings, tmp_path / "backup.zip")
    assert place.files() == before
    assert await place.jobs() == place.drawn() == old


@pytest.mark.postgres
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_server_that_refuses_the_dump_leaves_both(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path, tmp_path / "data" / "pictures", url)
    new, old = await backed_up(place, tmp_path / "backup.zip")

    async def refuses(*_: object) -> None:
        raise ConfigError("database", "pg_restore failed")

    with monkeypatch.context() as patched:
        patched.setattr(postgres_tools, "load", refuses)
        with pytest.raises(ConfigError, match="pg_restore failed"):
            await restore(place.settings, tmp_path / "backup.zip")
    assert await place.jobs() == place.drawn() == old
    await restore(place.settings, tmp_path / "backup.zip")
    assert await place.jobs() == place.drawn() == new
