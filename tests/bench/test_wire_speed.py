"""How quickly members are answered over a real gateway and REST, with the engine saturated and 40 jobs live.

`make speed`, on a quiet machine.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from pathlib import Path

import aiohttp
import pytest

from tests.integration.bot_process import BotProcess
from tests.wire.server import running
from tests.wire.world import Interaction

pytestmark = [pytest.mark.bench, pytest.mark.timeout(550)]

JOBS, PRESSES = 40, 100


def share(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


async def lag_p99_s(port: int) -> float:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        text = await answer.text()
    found = re.search(r'darkroom_event_loop_lag_seconds\{quantile="0.99"\} (\S+)', text)
    assert found, text
    return float(found[1])


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_members_are_answered_while_forty_jobs_run(tmp_path: Path, port: int) -> None:
    async with running() as discord:
        bot = BotProcess(
            discord, tmp_path / "data", "pocket", DARKROOM_OPERATION__HTTP_PORT=str(port),
            DARKROOM_ENGINE__SAFETY="true",
        )  # fmt: skip
        await bot.start()
        try:
            first = await discord.command("imagine", prompt="a red apple")
            grid = await discord.until(lambda: discord.grid(first), 120)
            asked = [await discord.command("imagine", prompt=f"a cat --seed {n}", user=100 + n) for n in range(JOBS)]
            presses: list[Interaction] = []
            answered: list[float] = []
            for n in range(PRESSES):
                began = time.monotonic()
                press = await discord.press(grid, f"U{n % 4 + 1}", user=12)
                presses.append(press)
                await discord.until(lambda press=press: discord.reply(press), 60)
                answered.append(time.monotonic() - began)
                await asyncio.sleep(0.1)
            live = bot.rows("select count(*) from jobs where state in ('queued', 'running')")[0][0]
            lag = await lag_p99_s(port)
            for one in asked:
                await discord.until(lambda one=one: discord.grid(one), 300)
            acks = [one.acked_after for one in (*asked, *presses) if one.acked_after is not None]
            assert len(acks) == JOBS + PRESSES
            print(json.dumps({
                "acknowledged_ms": {"median": 1e3 * share(acks, 0.5), "p99": 1e3 * share(acks, 0.99)},
                "upscale_answer_ms": {"median": 1e3 * share(answered, 0.5), "p95": 1e3 * share(answered, 0.95)},
                "loop_lag_p99_ms": 1e3 * lag,
                "jobs_live_at_the_end_of_presses": live,
                "refused_by_rate_limit": len(discord.limits.refused),
                "violations": discord.world.violations,
            }, indent=1))  # fmt: skip
        finally:
            await bot.stop()
