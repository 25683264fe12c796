"""A time budget for side work: a share of wall time. Torch-free."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

Clock = Callable[[], float]


@dataclass
class TimeBudget:
    """Seconds that may be spent: `share` of wall time, saved up to `burst_s` seconds."""

    share: float = 0.015
    clock: Clock = time.perf_counter
    burst_s: float = 0.03
    _left_s: float = field(default=0.0, init=False)
    _since_s: float = field(default=0.0, init=False)

    def refill(self) -> bool:
        """Add the time since the last call, and return whether anything is left; one piece of work may overdraw."""
        now_s = self.clock()
        self._left_s = min(self.burst_s, self._left_s + self.share * (now_s - self._since_s))
        self._since_s = now_s
        return self._left_s > 0

    def spend(self, seconds: float) -> None:
        """Subtract seconds that were spent."""
        self._left_s -= seconds
