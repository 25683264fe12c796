"""What members, moderators and the bot itself ask of a year's database, each with its time. Runs on older builds too.

python tests/bench/year_tasks.py DATABASE   # a SQLite file or a PostgreSQL URL; prints JSON, milliseconds
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot.domain.model import Member, Place
from bot.domain.quotas.quota import Limit, Scope, Unit
from bot.domain.quotas.windows import Window, last_days
from bot.store.database import Database
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.admission import AdmissionLimits
from bot.store.jobs.jobs import JobStore
from bot.store.members.retention import Retention
from bot.store.members.statistics import Statistics
from bot.store.pictures import PictureStore
from tests.bot.store.asks import NOW, ask, kept

GUILD, FAMILY_ROOT = 5, "j000000000"
TIMES = 7
PURGED_DAYS = 3
Task = Callable[[], Awaitable[object]]


class Year:
    """The stores of one build on the database."""

    def __init__(self, database: Database, folder: Path) -> None:
        rules_store = GuildRulesStore(database)
        self.quotas = Quotas(database, rules_store)
        self.jobs = JobStore(database, self.quotas, limits=AdmissionLimits(10_000, 10_000))
        self.numbers: Any = Statistics(database)
        self.retention = Retention(database, PictureStore.open(folder))

    def reads(self) -> dict[str, Task]:
        """By name what only reads."""
        member, place = Member(id=2, name="ada"), Place(guild_id=GUILD, channel_id=10)
        return {
            "served at start": lambda: self.jobs.served(NOW - timedelta(days=1)),
            "unfinished at start": self.jobs.unfinished,
            "active(), the status line": self.jobs.active,
            "active(guild), /mod queue": lambda: self.jobs.active(guild_id=GUILD),
            "/quota show": lambda: self.quotas.uses(member, place, NOW),
            "/stats of 366 days": self.stats,
            "/metrics": self.metrics,
            "/info me with 100 jobs": lambda: self.jobs.recent(2, 100),
            "family of 200": lambda: self.jobs.family(FAMILY_ROOT),
        }

    async def stats(self) -> None:
        days = last_days(366, NOW, ZoneInfo("UTC"))
        if hasattr(self.numbers, "usage"):
            await self.numbers.usage(GUILD, days, 8)
        else:
            await self.numbers.uses(GUILD, days)
        await self.numbers.waits(GUILD, days[0].start)

    async def metrics(self) -> None:
        with contextlib.suppress(TypeError):
            await self.numbers.outcomes()
            return
        await self.numbers.outcomes(None, NOW - timedelta(days=9999))

    async def claim_and_keep(self) -> float:
        """A whole life but for drawing; the time of claim and keep together."""
        asked = ask(member=3)
        job = await self.jobs.accept(asked, model="pocket", weight=1.0, estimate_ms=1000.0, now=NOW)
        began = time.perf_counter()
        job = await self.jobs.claim(job)
        job = await self.jobs.keep(job, kept(job), NOW)
        took = time.perf_counter() - began
        await self.jobs.delivered(job, None, NOW)
        return took

    async def accept_beside_retention(self) -> float:
        """The longest that somebody waits for a yes while old jobs are deleted."""
        before = NOW - timedelta(days=365 - PURGED_DAYS)
        purging = asyncio.ensure_future(self.retention.purge(before, GUILD))
        longest = 0.0
        while not purging.done():
            began = time.perf_counter()
            await self.jobs.accept(ask(member=4), model="pocket", weight=1.0, estimate_ms=1000.0, now=NOW)
            longest = max(longest, time.perf_counter() - began)
            await asyncio.sleep(0.01)
        await purging
        return longest


async def measure(location: str) -> dict[str, float]:
    """Milliseconds by task: the median of several, but for what is a maximum."""
    database = await Database.open(location if "://" in location else Path(location))
    with tempfile.TemporaryDirectory() as folder:
        year = Year(database, Path(folder))
        took: dict[str, float] = {}
        for name, task in year.reads().items():
            times = list[float]()
            for _ in range(TIMES):
                began = time.perf_counter()
                await task()
                times.append(time.perf_counter() - began)
            took[name] = statistics.median(times)
        await _limit(database)
        took["claim + keep"] = statistics.median([await year.claim_and_keep() for _ in range(3 * TIMES)])
        took["accept beside retention, max"] = await year.accept_beside_retention()
    await database.close()
    return {name: round(1000 * seconds, 2) for name, seconds in took.items()}


async def _limit(database: Database) -> None:
    """Nothing is settled against limits where there are none."""
    from bot.domain.moderation.audit_entry import AuditEntry
    from bot.domain.moderation.guild_rules import GuildRules

    limit = Limit(scope=Scope.EVERYONE, unit=Unit.PICTURES, window=Window.DAY, amount=1_000_000)
    entry = AuditEntry(guild_id=GUILD, actor_id=1, action="quota set", at=NOW)
    change = lambda rules: GuildRules.model_validate({**rules.model_dump(), "limits": (limit,)})  # noqa: E731
    await GuildRulesStore(database).change(change, entry)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(sys.argv[1]))))
