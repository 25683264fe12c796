from __future__ import annotations

import asyncio
import contextlib

import pytest

from bot.operation import lag
from bot.operation.lag import LoopLag


async def test_what_blocks_the_loop_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "PERIOD_S", 0.0)
    lateness = [0.001] * 98 + [0.3, 0.4]
    moments = iter([moment for late in lateness for moment in (0.0, late)])
    meter = LoopLag(lambda: next(moments, float("nan")))
    assert meter.quantile(0.99) is None

    task = asyncio.create_task(meter.run())
    for _ in range(len(lateness) + 1):
        await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert meter.quantile(0.5) == 0.001
    assert meter.quantile(0.98) == 0.3
    assert meter.quantile(1.0) == 0.4
