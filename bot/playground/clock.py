"""SimCord's clock stands still between actions; people look at this page, so it must show their own time."""

from __future__ import annotations

import time  # perf_counter, since SimCord answers for time.monotonic with this very clock
from datetime import UTC, datetime

from simcord._clock import Clock


class WallClock(Clock):
    """The same clock, running."""

    def __init__(self) -> None:
        super().__init__()
        self._epoch = datetime.now(UTC)
        self._started = time.perf_counter()

    @property
    def elapsed(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride] - a plain attribute upstream
        """Seconds since the page was opened."""
        return time.perf_counter() - self._started

    @elapsed.setter
    def elapsed(self, seconds: float) -> None:
        """Time cannot be set here; SimCord initialises the attribute with 0."""
        self._started = time.perf_counter() - seconds
