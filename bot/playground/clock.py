"""A clock for SimCord that shows real time; SimCord's own clock stands still between actions."""

from __future__ import annotations

import time  # perf_counter, because SimCord replaces time.monotonic with this clock
from datetime import UTC, datetime

from simcord._clock import Clock


class WallClock(Clock):
    """SimCord's clock, running in real time."""

    def __init__(self) -> None:
        super().__init__()
        self._epoch = datetime.now(UTC)
        self._started = time.perf_counter()

    @property
    def elapsed(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride] - a plain attribute upstream
        """Seconds since the start."""
        return time.perf_counter() - self._started

    @elapsed.setter
    def elapsed(self, seconds: float) -> None:
        """Move the start; SimCord sets the attribute to 0 once."""
        self._started = time.perf_counter() - seconds
