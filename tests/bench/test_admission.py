"""How long an admission decision takes with 100,000 jobs stored. `make speed`."""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.domain.moderation.audit_entry import AuditEntry
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.quotas.quota import Limit, Scope, Unit
from bot.domain.quotas.windows import Window
from bot.store.database import Database
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.admission import AdmissionLimits, asked_columns
from bot.store.jobs.jobs import JobStore
from bot.store.schema import jobs
from tests.bot.store.asks import NOW, ask, kept
from tests.bot.store.postgres import FreshPostgres

pytestmark = pytest.mark.bench
STORED, MEMBERS, MEASURED = 100_000, 40, 400


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        opened = await Database.open(tmp_path / "darkroom.sqlite3")
        yield opened
        await opened.close()
        return
    async with FreshPostgres() as url:
        opened = await Database.open(url)
        yield opened
        await opened.close()


async def fill(database: Database) -> None:
    """A year of a busy server: everything delivered but the newest two hundred."""
    done = {
        "epoch": 1, "attempts": 1, "model": "pocket", "weight": 1.0, "estimate_ms": 1000.0, "error": "", "recipe": "",
        "notes": [], "captions": [], "spoiler": False, "gpu_ms": 900.0,
    }  # fmt: skip
    for start in range(0, STORED, 5000):
        rows = []
        for number in range(start, start + 5000):
            when = NOW - timedelta(minutes=5 * (STORED - number))
            state = "queued" if number >= STORED - 200 else "delivered"
            asked = asked_columns(ask(member=number % MEMBERS, interaction=number + 1))
            rows.append({**done, **asked, "id": f"j{number}", "state": state, "created_at": when, "rendered_at": when})
        async with database.write() as connection:
            await connection.execute(sa.insert(jobs), rows)


async def test_admission(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    rules_store = GuildRulesStore(database)
    limit = Limit(scope=Scope.EVERYONE, unit=Unit.PICTURES, window=Window.DAY, amount=1_000_000)
    entry = AuditEntry(guild_id=5, actor_id=1, action="quota set", at=NOW)
    await rules_store.change(lambda rules: GuildRules.model_validate({**rules.model_dump(), "limits": (limit,)}), entry)
    store = JobStore(database, Quotas(database, rules_store), limits=AdmissionLimits(10_000, 10_000))
    await fill(database)
    took = {
        "admission": list[float](),
        "admission (CPU)": list[float](),
        "keep": list[float](),
        "delivered": list[float](),
    }
    for number in range(MEASURED):
        asked = ask(member=number % MEMBERS)
        began, used = time.perf_counter(), time.process_time()
        job = await store.accept(asked, model="pocket", weight=1.0, estimate_ms=1000.0, now=NOW)
        took["admission"].append(time.perf_counter() - began)
        took["admission (CPU)"].append(time.process_time() - used)
        job = await store.claim(job)
        began = time.perf_counter()
        job = await store.keep(job, kept(job), NOW)
        took["keep"].append(time.perf_counter() - began)
        began = time.perf_counter()
        await store.delivered(job, number + 1, NOW)
        took["delivered"].append(time.perf_counter() - began)
    with capsys.disabled():
        for name, times in took.items():
            points = [1e3 * point for point in statistics.quantiles(times, n=100)]
            where = database.url.get_backend_name()
            print(f"\n{where} {name}: p50 {points[49]:.2f} ms, p95 {points[94]:.2f} ms", end="")
