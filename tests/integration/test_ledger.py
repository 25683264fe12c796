"""Killed at random moments under load, the books still balance: nothing is charged that was not delivered."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.domain.model import JobState
from bot.store.schema import cells, jobs
from bot.store.schema_rules import quota_counters, reservations
from tests.bot.domain.studios import House

KILLS = 20


async def run_and_kill(folder: Path, seed: int, after_s: float) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.ledger_process", str(folder), str(seed), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    await asyncio.sleep(after_s)
    process.kill()
    await process.wait()


@pytest.mark.timeout(400)
async def test_killed_under_load_the_ledger_equals_the_work(tmp_path: Path) -> None:
    chance = random.Random(7)
    for seed in range(1, KILLS + 1):
        await run_and_kill(tmp_path, seed, chance.uniform(0.05, 0.7))
    house = await House(tmp_path, auto=True).open()
    for job in await house.jobs.unfinished():
        await house.job_service.wait(job.id)
    async with house.database.read() as connection:

        async def number(query: sa.Select[tuple[int]]) -> int:
            return int(await connection.scalar(query) or 0)

        states = {state for (state,) in await connection.execute(sa.select(reservations.c.state).distinct())}
        charged = await number(sa.select(sa.func.sum(reservations.c.pictures)).where(reservations.c.state == "settled"))
        charged_ms = await number(
            sa.select(sa.func.sum(reservations.c.gpu_ms)).where(reservations.c.state == "settled")
        )
        counted = {
            unit: await number(
                sa.select(sa.func.sum(quota_counters.c.used)).where(
                    quota_counters.c.unit == unit,
                    quota_counters.c.scope == "member",
                    quota_counters.c.span.startswith("month"),
                )
            )
            for unit in ("pictures", "GPU-seconds")
        }
        delivered = await number(
            sa.select(sa.func.count()).select_from(cells.join(jobs)).where(jobs.c.state == JobState.DELIVERED)
        )
        accepted = await number(sa.select(sa.func.count()).select_from(jobs))
        reserved = await number(sa.select(sa.func.count()).select_from(reservations))
        unfinished = await house.jobs.unfinished()
    await house.close()
    assert unfinished == []
    assert delivered > KILLS
    assert states <= {"settled", "refunded"}
    assert accepted == reserved
    assert charged == delivered == counted["pictures"]
    assert charged_ms == counted["GPU-seconds"]
