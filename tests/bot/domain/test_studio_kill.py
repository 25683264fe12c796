"""A real process, really killed, at random moments under load: the books balance and nobody is told twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from pathlib import Path

import sqlalchemy as sa

from bot.domain.model import JobState
from bot.store.database import Database
from bot.store.jobs.jobs import JobStore
from bot.store.schema import jobs, outbox
from bot.store.schema_rules import quota_counters, reservations
from tests.bot.domain import killed_studio
from tests.bot.domain.killed_studio import WISHES
from tests.bot.store.asks import NoLedger
from tests.killable import Killable

KILLS = int(os.environ.get("DARKROOM_TEST_KILLS", "4"))


async def run(folder: Path, *, kill_after_s: float | None) -> None:
    """Start the studio; kill it that long after it was ready, or let it come to its end."""
    process = Killable(killed_studio.run, folder)
    assert await process.hear() == "ready"
    if kill_after_s is None:
        assert await process.hear() == "done"
        assert await process.end() == 0
        return
    await asyncio.sleep(kill_after_s)
    await process.kill()


async def test_killed_at_random_moments(tmp_path: Path) -> None:
    for _ in range(KILLS):
        await run(tmp_path, kill_after_s=random.uniform(0.0, 1.5))
    await run(tmp_path, kill_after_s=None)
    database = await Database.open(tmp_path / "darkroom.sqlite3")
    async with database.read() as connection:
        states = {row.id: (row.state, row.count, row.gpu_ms) for row in await connection.execute(sa.select(jobs))}
        books = {row.job_id: row for row in await connection.execute(sa.select(reservations))}
        owed = (await connection.execute(sa.select(outbox))).all()
        used = sa.select(quota_counters.c.unit, quota_counters.c.used).where(
            quota_counters.c.scope == "member", quota_counters.c.span.like("month %")
        )
        counters = {row.unit: row.used for row in await connection.execute(used)}
    assert len(states) == len(books) == WISHES
    assert owed == []
    assert {state for state, _, _ in states.values()} <= {"delivered", "failed", "cancelled"}
    pictures = milliseconds = 0
    for job_id, (state, count, gpu_ms) in states.items():
        rules_store = books[job_id]
        assert rules_store.state == {"delivered": "settled", "failed": "refunded"}.get(state, rules_store.state)
        assert rules_store.state in ("settled", "refunded")
        if rules_store.state == "settled":
            pictures += count if state == "delivered" else 0
            milliseconds += round(gpu_ms)
    assert counters == {"pictures": pictures, "GPU-seconds": milliseconds}
    await _check_the_wall(tmp_path, states)
    await _check_the_pictures(tmp_path, database)
    await database.close()


async def _check_the_wall(folder: Path, states: dict[str, tuple[str, int, float]]) -> None:
    lines = [json.loads(line) for line in (folder / "wall.jsonl").read_text().splitlines()]
    last = {line["job"]: line["said"] for line in lines if line["said"] != "ping"}
    assert last == {
        job_id: f"grid of {count}" if state == "delivered" else "closed" for job_id, (state, count, _) in states.items()
    }
    pings = Counter(line["job"] for line in lines if line["said"] == "ping")
    assert all(count == 1 for count in pings.values())
    assert {job_id for job_id, (state, *_) in states.items() if state == "delivered"} >= pings.keys()


async def _check_the_pictures(folder: Path, database: Database) -> None:
    store = JobStore(database, NoLedger())
    for job in await store.recent(1, WISHES):
        cells = await store.cells(job.id)
        assert len(cells) == (job.spec.count if job.state is JobState.DELIVERED else 0)
        for cell in cells:
            assert (folder / "pictures" / cell.key).stat().st_size == cell.size_bytes
