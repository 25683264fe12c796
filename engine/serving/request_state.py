"""The state of one request in the engine, from submission to its last event."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

from engine.errors import EngineError
from engine.events import Finished, Preview, Progress, Queued, Started
from engine.fair_share import Claim
from engine.requests import ImageRequest
from engine.serving.stream import Mailbox


class Phase(enum.IntEnum):
    """The phase of a request; it goes back from RUNNING to WAITING when its worker is lost."""

    WAITING = 0
    RUNNING = 1
    OVER = 2


@dataclass(slots=True, eq=False)
class RequestState:
    """A request, its progress, and the mailbox of its caller."""

    request: ImageRequest
    notes: tuple[str, ...]
    arrived_s: float
    mailbox: Mailbox = field(default_factory=Mailbox)
    phase: Phase = Phase.WAITING
    losses: int = 0
    """How many workers were lost while they had this request."""
    epoch: int = 0
    """The epoch of its present assignment."""
    charged_ms: float = 0.0
    """Device time in milliseconds charged in its present lane."""
    _queued: Queued | None = None
    _was_started: bool = False
    _step: int = 0
    _shown_step: int = 0
    _step_s: float = 0.0
    _pace_s: float = 0.0

    @property
    def is_told(self) -> bool:
        """Was `Queued` posted?"""
        return self._queued is not None

    def claim(self, pending_ms: float) -> Claim:
        """This request as fair share sees it."""
        request = self.request
        return Claim(request.id, request.account, self.arrived_s, pending_ms=pending_ms, relaxed=request.relax)

    def tell_place(self, place: Queued) -> None:
        """Post the place in the queue, if it differs enough from the one posted before."""
        if not self._was_started and (self._queued is None or _is_news(place, self._queued)):
            self._queued = place
            self.mailbox.post(place)

    def tell_started(self, device: str) -> None:
        """Post `Started` once, also if the request starts again after a lost worker."""
        self.phase = Phase.RUNNING
        if not self._was_started:
            self._was_started = True
            self.mailbox.post(Started(device))

    def tell_progress(self, step: int, steps: int, preview: Preview | None, now_s: float) -> None:
        """Post a step; steps that run again after a lost worker are not posted again.

        Previews are drawn beside the steps and may come after a later step was told: they are shown all the same.
        """
        is_news = preview is not None and step > self._shown_step
        if step <= self._step and not is_news:
            return
        if step > self._step:
            self._measure_pace(step, now_s)
        if is_news:
            self._shown_step = step
        eta_s = self._pace_s * (steps - self._step) if self._pace_s else None
        self.mailbox.post(Progress(self._step, steps, preview if is_news else None, eta_s))

    def _measure_pace(self, step: int, now_s: float) -> None:
        if self._step:
            pace_s = (now_s - self._step_s) / (step - self._step)
            self._pace_s = pace_s if not self._pace_s else 0.7 * self._pace_s + 0.3 * pace_s
        self._step, self._step_s = step, now_s

    def end(self, last: Finished | EngineError) -> None:
        """Post the result or the error; notes of submission go before those of the worker."""
        self.phase = Phase.OVER
        if isinstance(last, EngineError):
            self.mailbox.fail(last)
        else:
            self.mailbox.post(replace(last, notes=(*self.notes, *last.notes)))


def _is_news(place: Queued, told: Queued) -> bool:
    if (place.position, place.reason) != (told.position, told.reason):
        return True
    if place.eta_s is None or told.eta_s is None:
        return place.eta_s is not told.eta_s
    return abs(place.eta_s - told.eta_s) > max(1.0, 0.1 * told.eta_s)
