import os
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.operation import housekeeping
from bot.operation.housekeeping import Housekeeping
from bot.settings import OperationSettings, Settings
from bot.store.database import Database
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.members.retention import Retention
from bot.store.pictures import PictureStore


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def test_one_copy_a_day_and_only_the_newest_are_kept(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, operation=OperationSettings(backups_kept=2))
    database, clock = await Database.open(settings.database), Clock()
    retention = Retention(database, PictureStore.open(tmp_path / "pictures"))
    house = Housekeeping(settings, database, GuildRulesStore(database), retention, clock)
    for _ in range(4):
        await house.round()
        await house.round()
        clock.now += timedelta(days=1)
    copies = sorted(path.name for path in (tmp_path / "backups").glob("daily-*"))
    assert copies == ["daily-2026-03-03.sqlite3", "daily-2026-03-04.sqlite3"]
    with sqlite3.connect(tmp_path / "backups" / copies[0]) as copy:
        assert copy.execute("select count(*) from jobs").fetchone() == (0,)
    await database.close()


@pytest.mark.parametrize("is_daily", [True, False])
async def test_copies_of_before_upgrades_and_restores_are_let_go(tmp_path: Path, is_daily: bool) -> None:
    operation = OperationSettings(backups_kept=3, backup_daily=is_daily)
    settings, clock = Settings(data_dir=tmp_path, operation=operation), Clock()
    database = await Database.open(settings.database)
    retention = Retention(database, PictureStore.open(tmp_path / "pictures"))
    house, backups = Housekeeping(settings, database, GuildRulesStore(database), retention, clock), tmp_path / "backups"
    backups.mkdir()
    migrated, restored = backups / "before-0004-to-0007.sqlite3", tmp_path / "before-restore-20260301-000000"
    daily, own = backups / "daily-2026-03-01.sqlite3", backups / "mine.zip"
    restored.mkdir()
    (restored / "darkroom.sqlite3").write_text("words")
    for path in (migrated, daily, own):
        path.write_text("words")
    for path in (migrated, restored, daily, own):
        os.utime(path, times=(0, clock.now.timestamp()))
    clock.now += timedelta(days=2)
    await house.round()
    assert migrated.exists() and restored.exists()
    clock.now += timedelta(days=2)
    await house.round()
    assert not migrated.exists() and not restored.exists()
    assert daily.exists() is is_daily and own.exists()
    await database.close()


async def test_files_nobody_names_are_swept_after_a_day(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, operation=OperationSettings(backup_daily=False))
    database, clock = await Database.open(settings.database), Clock()
    pictures = PictureStore.open(tmp_path / "pictures")
    await pictures.put("jobs/lost/0-1.png", b"png")
    house = Housekeeping(settings, database, GuildRulesStore(database), Retention(database, pictures), clock)
    clock.now = datetime.now(UTC)
    await house.round()
    assert await pictures.get("jobs/lost/0-1.png") == b"png"
    clock.now += timedelta(days=2)
    await house.round()
    assert not list((tmp_path / "pictures").rglob("*.png"))
    assert not (tmp_path / "backups").exists() or not list((tmp_path / "backups").glob("daily-*"))
    await database.close()


async def test_an_unexpected_error_is_logged_and_the_round_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise sqlite3.DatabaseError("the disk image is malformed")

    monkeypatch.setattr(housekeeping, "copy_sqlite", fails)
    settings, clock = Settings(data_dir=tmp_path), Clock()
    database, pictures = await Database.open(settings.database), PictureStore.open(tmp_path / "pictures")
    await pictures.put("jobs/lost/0-1.png", b"png")
    clock.now = datetime.now(UTC) + timedelta(days=2)
    house = Housekeeping(settings, database, GuildRulesStore(database), Retention(database, pictures), clock)
    await house.round()
    assert [(record.levelname, record.__dict__["action"]) for record in caplog.records] == [("ERROR", "back_up")]
    assert "malformed" in caplog.text
    assert not list((tmp_path / "pictures").rglob("*.png"))
    await database.close()
