"""Event loop lag: code that blocks the event loop delays every reply and Discord's heartbeat."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

PERIOD_S, WINDOW = 0.05, 1200
"""One sample every 0.05 s; 1,200 samples are one minute."""


class LoopLag:
    """Sleeps `PERIOD_S` seconds in a loop, and records by how many seconds each sleep was too long."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self._samples: deque[float] = deque(maxlen=WINDOW)

    async def run(self) -> None:
        """Measure until the task is cancelled."""
        clock = self._clock or asyncio.get_running_loop().time
        while True:
            asleep_at = clock()
            await asyncio.sleep(PERIOD_S)
            self._samples.append(max(0.0, clock() - asleep_at - PERIOD_S))

    def quantile(self, share: float) -> float | None:
        """Lag in seconds at the quantile `share` (0 to 1) of the last minute; None before the first sample."""
        if not self._samples:
            return None
        ordered = sorted(self._samples)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
