"""Which previews of a lane may be seen: with a limit, only those the picture check has passed; coarse ones before."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from PIL import Image

from engine.events import Safety
from engine.model_spec import ModelSpec
from engine.pictures.picture_check import PictureCheck
from engine.previews.thumbnails import coarse
from engine.previews.time_budget import TimeBudget
from engine.requests import ImageRequest

Cells = Sequence[Image.Image]
FIRST_SHARE = 0.25
"""Before this share of the steps an estimate is a blur anyway, and no check is spent on it."""
SHARE_ON_CPU, SHARE_BESIDE = 0.02, 0.2
"""Of wall time, at most so much goes into looking: on the cores that lanes draw with, and on one that is idle else."""
SAVED_S = 0.3
"""Looking time that may be saved up: a few previews' worth."""


def limit_of(request: ImageRequest, spec: ModelSpec) -> float | None:
    """The request's limit; none where nothing but harmless things can come of it."""
    return None if is_harmless(request, spec) else request.preview_limit


def is_harmless(request: ImageRequest, spec: ModelSpec) -> bool:
    """Is everything listed that the model can draw of words, and is it asked with words alone?"""
    is_from_words = request.kind == ImageRequest.kind and not request.loras and request.style_image is None
    return bool(spec.vocabulary) and is_from_words


@dataclass
class PreviewChecker:
    """Judges previews of all lanes in the safety thread: one at a time, and no more than its allowance permits."""

    check: PictureCheck
    time_budget: TimeBudget = field(default_factory=lambda: TimeBudget(SHARE_BESIDE, burst_s=SAVED_S))
    clock: Callable[[], float] = time.thread_time
    _is_busy: bool = field(default=False, init=False)

    def judge(self, cells: Cells, then: Callable[[Safety], None]) -> Future[None] | None:
        """Tell `then` the worst of the cells, from the safety thread; None when there is no time for these."""
        if self._is_busy or not self.time_budget.refill():
            return None
        self._is_busy = True
        return self.check.call(lambda: self._judge(cells, then))

    def _judge(self, cells: Cells, then: Callable[[Safety], None]) -> None:
        try:
            self.check.load()  # takes its time once, which is no preview's fault
            began_s = self.clock()
            safety = self.check.worst(cells)
            self.time_budget.spend(self.clock() - began_s)
            then(safety)
        finally:
            self._is_busy = False


@dataclass
class PreviewGate:
    """One lane's. What is flagged once stays coarse to the end; what cannot be judged counts as flagged."""

    limit: float | None = None
    """From this score on a preview is flagged; None lets everything be seen."""
    checker: PreviewChecker | None = None
    """None: the host has switched the check off."""
    is_flagged: bool = field(default=False, init=False)
    _has_passed: bool = field(default=False, init=False)
    _looking: Future[None] | None = field(default=None, init=False)

    def show(self, cells: Cells, progress: float, tell: Callable[[Cells | None], None]) -> None:
        """Tell what may be seen at this share of the steps, now or when it was judged; None leaves what is seen."""
        if self.limit is None or self.checker is None:
            return tell(cells)
        if self._looking and not self._looking.done():
            return tell(None)
        if not self.is_flagged and progress >= FIRST_SHARE:
            self._looking = self.checker.judge(cells, lambda safety: tell(self._seen(cells, safety)))
            if self._looking:
                return None
        # A clear preview is better than a newer one that nobody had the time to look at.
        return tell(None if self._has_passed and not self.is_flagged else coarse(cells))

    def settle(self) -> None:
        """Wait for what is being judged."""
        if self._looking:
            self._looking.exception()

    def _seen(self, cells: Cells, safety: Safety) -> Cells:
        if self.limit is not None and safety.score is not None and safety.score < self.limit:
            self._has_passed = True
            return cells
        self.is_flagged = True
        return coarse(cells)
