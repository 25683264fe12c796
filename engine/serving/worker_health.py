"""Worker health: is a worker alive, by its beats and messages? Pure and torch-free; the clock is passed in."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.processes.protocol import Activity, Beat
from engine.settings import EngineSettings

LOST_AFTER = 5
"""Workers in a row that never became ready."""
MAX_BACKOFF_S = 30.0


@dataclass(slots=True)
class WorkerHealth:
    """The latest signs of life of one worker process."""

    settings: EngineSettings
    is_up: bool = False
    beat: Beat = field(default_factory=lambda: Beat(Activity.STARTING, 0.0))
    lane_sign_s: float = 0.0
    """`time.monotonic` of the latest opened lane or message about a lane."""
    _looked_s: float | None = None
    _excused_until_s: float = 0.0

    def check(self, now_s: float, last_sign_s: float, has_lanes: bool) -> str | None:
        """Check the worker: why it must be replaced, or None. To be called about every eighth of the stall timeout."""
        limit_s = self.settings.stall_timeout_s
        if self._looked_s is not None and now_s - self._looked_s > 0.75 * limit_s:
            # This process itself was stopped or starved: the worker's silence proves nothing yet.
            self._excused_until_s = now_s + limit_s
        self._looked_s = now_s
        if now_s < self._excused_until_s:
            return None
        silence_s = now_s - last_sign_s
        if silence_s > (limit_s if self.is_up else self.settings.load_timeout_s):
            return f"no sign of life for {silence_s:.1f} s"
        return self._idling(now_s) if self.beat.activity is Activity.IDLE and has_lanes else self._overdue()

    def _idling(self, now_s: float) -> str | None:
        idle_s = now_s - self.lane_sign_s
        return f"idle for {idle_s:.0f} s though it has requests" if idle_s > self.settings.step_timeout_s else None

    def _overdue(self) -> str | None:
        is_loading = self.beat.activity in (Activity.STARTING, Activity.LOADING)
        limit_s = self.settings.load_timeout_s if is_loading else self.settings.step_timeout_s
        is_late = self.beat.activity is not Activity.IDLE and self.beat.busy_s > limit_s
        return f"{str(self.beat)!r} for {self.beat.busy_s:.0f} s" if is_late else None


@dataclass(slots=True)
class Backoff:
    """The delay before the next worker: it doubles with every worker that is lost before a step."""

    failures: int = 0
    """Workers lost since one of them last did a step."""
    stillborn: int = 0
    """Workers in a row that never became ready."""

    @property
    def is_hopeless(self) -> bool:
        """Did too many workers in a row fail to become ready?"""
        return self.stillborn >= LOST_AFTER

    def worked(self) -> None:
        """Note a message about a lane: the delay starts again from 0."""
        self.failures = 0

    def count_loss(self, was_up: bool) -> float:
        """Count a lost worker; seconds until the next one may start."""
        self.failures += 1
        self.stillborn = 0 if was_up else self.stillborn + 1
        return 0.0 if self.failures == 1 else min(MAX_BACKOFF_S, 0.5 * 2 ** (self.failures - 2))
