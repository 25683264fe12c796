"""How long U takes beside a full engine, in the whole bot. `make speed`."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from bot.domain.model import JobState
from bot.settings import Settings
from engine.settings import EngineSettings
from tests.bot.whole import whole

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]
MEASURED, MEMBERS, EACH = 60, 4, 3


async def test_u_beside_a_full_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with whole(Settings(data_dir=tmp_path, engine=EngineSettings(devices=("cpu",)))) as bot:
        job, grid = await bot.finished(await bot.ada.slash(bot.channel, "imagine", prompt="a red apple"))
        guild = bot.channel.guild
        crowd = [guild.add_member(bot.env.create_user(f"member{number}")) for number in range(MEMBERS)]
        for member in crowd:
            for number in range(EACH):
                await member.slash(bot.channel, "imagine", prompt=f"a fox {number} --steps 300")
        took: list[float] = []
        for number in range(MEASURED):
            began = time.perf_counter()
            shown = await bot.ada.click(grid, custom_id=f"dr:u:{job.id}:{number % 4}")
            took.append(time.perf_counter() - began)
            assert shown.response is not None and shown.response.attachments
        live = await bot.app.client.services.jobs.active()
        running = sum(one.state is JobState.RUNNING for one in live)
        points = [1e3 * point for point in statistics.quantiles(took, n=100)]
        with capsys.disabled():
            print(f"\nU with {running} running and {len(live)} live jobs: ", end="")
            print(f"p50 {points[49]:.0f} ms, p95 {points[94]:.0f} ms, worst {1e3 * max(took):.0f} ms")
