"""What limits previews: the preview gate, which lets through what the picture check has passed, and their time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from PIL import Image

from engine.events import Safety
from engine.model_spec import ModelSpec
from engine.pictures.picture_check import PictureCheck
from engine.previews.previewer import coarse
from engine.requests import ImageRequest

Clock = Callable[[], float]
Cells = Sequence[Image.Image]
FIRST_SHARE = 0.25
"""Before this share of the steps an x0 estimate is a blur, and is not checked."""
SHARE_ON_CPU, SHARE_BESIDE = 0.02, 0.2
"""Shares of wall time for checks: where they use the lanes' own cores, and where they use idle ones."""
SAVED_S = 0.3
"""Seconds of check time that may be saved up: enough for a few previews."""


@dataclass
class TimeBudget:
    """Seconds that may be spent on side work: `share` of wall time, saved up to `burst_s` seconds."""

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


def limit_of(request: ImageRequest, spec: ModelSpec) -> float | None:
    """The request's preview limit; None where only harmless pictures are possible."""
    return None if is_harmless(request, spec) else request.preview_limit


def is_harmless(request: ImageRequest, spec: ModelSpec) -> bool:
    """Is the request words only, for a model whose whole vocabulary is listed (and harmless)?"""
    is_from_words = request.kind == ImageRequest.kind and not request.loras
    is_from_words = is_from_words and not request.style_images and request.control is None
    return bool(spec.vocabulary) and is_from_words


@dataclass
class PreviewChecker:
    """Checks previews of all lanes in the safety thread, one at a time and within its time budget."""

    check: PictureCheck
    time_budget: TimeBudget = field(default_factory=lambda: TimeBudget(SHARE_BESIDE, burst_s=SAVED_S))
    clock: Callable[[], float] = time.thread_time
    _is_busy: bool = field(default=False, init=False)

    def judge(self, cells: Cells, then: Callable[[Safety], None]) -> Future[None] | None:
        """Call `then` with the highest score of the cells, in the safety thread; None when busy or out of time."""
        if self._is_busy or not self.time_budget.refill():
            return None
        self._is_busy = True
        return self.check.call(lambda: self._judge(cells, then))

    def _judge(self, cells: Cells, then: Callable[[Safety], None]) -> None:
        try:
            self.check.load()  # loading happens once and is not charged
            began_s = self.clock()
            safety = self.check.worst(cells)
            self.time_budget.spend(self.clock() - began_s)
            then(safety)
        finally:
            self._is_busy = False


@dataclass
class PreviewGate:
    """The gate of one lane. Once flagged, previews stay coarse; a preview that cannot be checked counts as flagged."""

    limit: float | None = None
    """Previews with this score or more are flagged; None shows all, unchecked."""
    checker: PreviewChecker | None = None
    """None if the settings switch the check off."""
    is_flagged: bool = field(default=False, init=False)
    _has_passed: bool = field(default=False, init=False)
    _looking: Future[None] | None = field(default=None, init=False)

    def show(self, cells: Cells, progress: float, tell: Callable[[Cells | None], None]) -> None:
        """Call `tell` with the cells to show, now or after the check; None keeps the previous preview.

        `progress` is the share of the steps that are done, in [0, 1].
        """
        if self.limit is None or self.checker is None:
            return tell(cells)
        if self._looking and not self._looking.done():
            return tell(None)
        if not self.is_flagged and progress >= FIRST_SHARE:
            self._looking = self.checker.judge(cells, lambda safety: tell(self._seen(cells, safety)))
            if self._looking:
                return None
        # An older clear preview is better than a newer coarse one.
        return tell(None if self._has_passed and not self.is_flagged else coarse(cells))

    def settle(self) -> None:
        """Wait for the check in progress."""
        if self._looking:
            self._looking.exception()

    def _seen(self, cells: Cells, safety: Safety) -> Cells:
        if self.limit is not None and safety.score is not None and safety.score < self.limit:
            self._has_passed = True
            return cells
        self.is_flagged = True
        return coarse(cells)
