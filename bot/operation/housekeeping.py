"""Periodic tasks: daily backups, deletion by retention, removal of expired tokens and unused files."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.errors import unexplained
from bot.settings import Settings
from bot.store.backup.staging import BEFORE_RESTORE
from bot.store.database import Database
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.members.retention import Retention
from bot.store.migrate import BEFORE_MIGRATION
from bot.store.sqlite_copy import copy_sqlite

ROUND_S = 3600.0
LOOK_S = 5.0
DAILY = "daily-{:%Y-%m-%d}.sqlite3"
DAILIES = DAILY.partition("{")[0] + "*"

_CLOCK_ERROR = timedelta(days=1)

log = logging.getLogger(__name__)


class Housekeeping:
    """Runs all tasks once an hour; a task that fails is logged and tried again in the next round."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        rules_store: GuildRulesStore,
        retention: Retention,
        clock: Callable[[], datetime],
    ) -> None:
        self._operation, self._folder = settings.operation, settings.data_dir / "backups"
        pictures = settings.pictures_url or settings.data_dir / "pictures"
        is_folder = isinstance(pictures, Path) or "://" not in pictures
        # A restore keeps what was there beside it.
        self._restored = {settings.data_dir.resolve(), *([Path(pictures).resolve().parent] if is_folder else [])}
        if database.path:
            self._restored.add(database.path.resolve().parent)
        self._database, self._rules_store, self._retention, self._clock = database, rules_store, retention, clock
        self._swept_at: datetime | None = None

    async def run(self) -> None:
        """Run rounds, `ROUND_S` seconds apart, until the task is cancelled.

        Of several bots that share the database, the one that has shard 0 does.
        """
        while True:
            pause_s = LOOK_S
            if self._database.is_ours(None):
                await self.round()
                pause_s = ROUND_S
            await asyncio.sleep(pause_s)

    async def round(self) -> None:
        """Run every task that is due."""
        for task in (self._back_up, self._replace_copies, self._purge, self._forget, self._daily):
            # gather() returns the error as a value, so that an error of one task does not end the loop.
            [error] = await asyncio.gather(task(), return_exceptions=True)
            if isinstance(error, Exception):
                what = {"action": task.__name__.strip("_")}
                log.error("housekeeping failed: %s", error, extra=what, exc_info=unexplained(error))

    async def _back_up(self) -> None:
        """Copy a SQLite database once a day. The host backs up PostgreSQL with its own tools."""
        source = self._database.path
        if not self._operation.backup_daily or source is None:
            return
        target = self._folder / DAILY.format(self._clock())
        if not target.exists():
            await asyncio.to_thread(copy_sqlite, source, target)
            await asyncio.to_thread(_keep_newest, self._folder, self._operation.backups_kept, target.name)
            log.info("database copied", extra={"action": "backup"})

    async def _replace_copies(self) -> None:
        """Delete copies made before migrations and restores after `backups_kept` days.

        With `backup_daily` off, delete the remaining daily copies after `backups_kept` days, too.
        """
        patterns = [BEFORE_MIGRATION] if self._operation.backup_daily else [BEFORE_MIGRATION, DAILIES]
        before = self._clock() - timedelta(days=self._operation.backups_kept)
        await asyncio.to_thread(_delete_older, before, self._clock(), self._folder, patterns)
        for folder in self._restored:
            await asyncio.to_thread(_delete_older, before, self._clock(), folder, [BEFORE_RESTORE])

    async def _purge(self) -> None:
        """Delete results older than the retention of their server."""
        for rules in await self._rules_store.all():
            if rules.retention_days is not None:
                await self._retention.purge(
                    self._clock() - timedelta(days=rules.retention_days), rules.guild_id or None
                )

    async def _forget(self) -> None:
        await self._retention.forget_tokens(self._clock())
        await Quotas(self._database, self._rules_store).tidy(self._clock())
        await self._database.scrub()

    async def _daily(self) -> None:
        """Once a day, refresh the database's statistics (ANALYZE), and delete files that no row names."""
        now = self._clock()
        if self._swept_at is None or abs(now - self._swept_at) >= timedelta(days=1):
            await self._database.analyze()
            await self._retention.sweep(now)
            self._swept_at = now


def _keep_newest(folder: Path, count: int, today: str) -> None:
    """Those of days to come were made while the clock was wrong: they are the first to go."""
    copies = sorted(folder.glob(DAILIES), key=lambda path: (path.name <= today, path.name))
    for old in copies[:-count]:
        old.unlink()


def _delete_older(before: datetime, now: datetime, folder: Path, patterns: Sequence[str]) -> None:
    """Delete files and folders that match a pattern and were modified before that time."""
    for path in (path for pattern in patterns for path in folder.glob(pattern)):
        put_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        if put_at > now + _CLOCK_ERROR:
            os.utime(path, (now.timestamp(), now.timestamp()))  # the clock was wrong: counted from today
        if put_at >= before:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        log.info("old backup deleted", extra={"action": "backup", "copy": path.name})
