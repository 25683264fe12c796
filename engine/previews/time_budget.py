"""Time that side work may take: a share of wall time, so that lanes do not notice it. Torch-free."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

Clock = Callable[[], float]


@dataclass
class TimeBudget:
    """Seconds that may be spent: a share of wall time, saved up for a little while at most."""

    share: float = 0.015
    clock: Clock = time.perf_counter
    burst_s: float = 0.03
    _left_s: float = field(default=0.0, init=False)
    _since_s: float = field(default=0.0, init=False)

    def refill(self) -> bool:
        """May something be spent now? The last one may overdraw."""
        now_s = self.clock()
        self._left_s = min(self.burst_s, self._left_s + self.share * (now_s - self._since_s))
        self._since_s = now_s
        return self._left_s > 0

    def spend(self, seconds: float) -> None:
        """Book what something took."""
        self._left_s -= seconds
