"""How late the event loop is: whatever blocks it delays every reply and Discord's heartbeat."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

PERIOD_S, WINDOW = 0.05, 1200
"""A sample every 50 ms, the last minute of them."""


class LoopLag:
    """Sleeps a little, again and again, and notes by how much each sleep was longer than asked."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self._samples: deque[float] = deque(maxlen=WINDOW)

    async def run(self) -> None:
        """Measure until cancelled."""
        clock = self._clock or asyncio.get_running_loop().time
        while True:
            asleep_at = clock()
            await asyncio.sleep(PERIOD_S)
            self._samples.append(max(0.0, clock() - asleep_at - PERIOD_S))

    def quantile(self, share: float) -> float | None:
        """Seconds that this share of the last minute's samples did not exceed; None before the first."""
        if not self._samples:
            return None
        ordered = sorted(self._samples)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
