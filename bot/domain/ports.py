"""What the domain needs from the world, as protocols: the store, the engine and the replies implement them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.model import Ask, Cell, Job, JobState, Kept, Member, Parcel, Place, Verdict
from engine.engine import Resolved
from engine.errors import AbortReason
from engine.events import Event
from engine.requests import ImageRequest


class Clock(Protocol):
    """Says what time it is, in UTC."""

    def __call__(self) -> datetime:
        """Now."""
        ...


class Stream(Protocol):
    """A running request: its events, until `Finished` or an `engine.EngineError`."""

    def __aiter__(self) -> AsyncIterator[Event]: ...

    async def aclose(self) -> None:
        """Leave; what still runs is cancelled."""
        ...

    def cancel(self, reason: AbortReason = ...) -> None:
        """End with `RequestAborted(reason)` at the next tick."""
        ...

    @property
    def gpu_ms(self) -> float:
        """Device time measured so far."""
        ...


class EnginePort(Protocol):
    """The engine as the studio sees it."""

    def submit(self, request: Resolved) -> Stream:
        """Run a request. Raises `engine.EngineError`s, here or while its events are read."""
        ...

    async def resolve(self, request: ImageRequest) -> Resolved:
        """Check and complete a request. Raises `InvalidRequest`."""
        ...

    def size(self, model: str, aspect: tuple[int, int]) -> tuple[int, int]:
        """Pixels for an aspect ratio; "" is the default model. Raises `UnknownModel`."""
        ...

    def set_served(self, served_ms: Mapping[str, float]) -> None:
        """Begin fair share with what members were given before."""
        ...


class Rules(Protocol):
    """May this be asked, at what price, and may the result be shown?"""

    async def check(self, ask: Ask) -> None:
        """Raise a `UserError` when bans, pause, channel rules or prompt rules forbid it."""
        ...

    async def weight(self, ask: Ask) -> float:
        """The member's share of the queue; 1 unless a role of theirs says otherwise."""
        ...

    async def verdict(self, job: Job, cells: Sequence[Cell]) -> Verdict:
        """What to do with finished pictures, given their `unsafe_score` or `check_error` (which means review)."""
        ...

    async def preview_limit(self, job: Job) -> float | None:
        """The score from which previews are not shown clearly; None where pictures are not checked."""
        ...


class Jobs(Protocol):
    """The store of jobs. Every write that belongs to a run names its epoch and raises `Fenced` when it is old."""

    async def accept(self, ask: Ask, *, model: str, weight: float, estimate_ms: float, now: datetime) -> Job:
        """Reserve the quota and insert the job as queued, in one transaction.

        Raises `QuotaExceeded`, `TooManyJobs` or `AlreadyAsked`.
        """
        ...

    async def get(self, job_id: str) -> Job:
        """Raises `JobNotFound`."""
        ...

    async def at_message(self, message_id: int) -> tuple[Job, int | None]:
        """The job a message of ours shows, and which cell when it shows one. Raises `JobNotFound`."""
        ...

    async def posted(self, job_id: str, cell: int | None, channel_id: int, message_id: int) -> None:
        """Remember a further message that shows this job or one cell of it."""
        ...

    async def claim(self, job: Job) -> Job:
        """Begin a run under the next epoch; older epochs are refused from now on."""
        ...

    async def started(self, job: Job, now: datetime) -> Job:
        """Become running: the engine has given it a lane."""
        ...

    async def park(self, job: Job) -> Job:
        """Become queued again, to be run later from the same seed; does not count as an attempt."""
        ...

    async def keep(self, job: Job, kept: Kept, now: datetime) -> Job:
        """Store the finished pictures' rows, settle the reservation and become rendered (or review)."""
        ...

    async def approve(self, job: Job, now: datetime) -> Job:
        """From review to rendered."""
        ...

    async def delivered(self, job: Job, message_id: int | None, now: datetime) -> Job:
        """The result is shown."""
        ...

    async def close(
        self, job: Job, state: JobState, error: Exception, now: datetime, *, charge_gpu_ms: float | None = None
    ) -> Job:
        """End as failed or cancelled. Refunds everything, or charges only the measured time when that is given."""
        ...

    async def reply_at(self, job_id: str, message_id: int) -> None:
        """Remember the reply's message id."""
        ...

    async def served(self, since: datetime) -> dict[str, float]:
        """Measured device time in ms by member key, of jobs that ended since then."""
        ...

    async def unfinished(self) -> list[Job]:
        """All jobs that are not final, oldest first."""
        ...

    async def cells(self, job_id: str) -> list[Cell]:
        """The kept pictures in cell order."""
        ...


class Pictures(Protocol):
    """The store of picture bytes, by key. Everything raises `StoreError` when it is full or out of reach."""

    async def put(self, key: str, content: bytes) -> None:
        """Store durably and atomically."""
        ...

    async def get(self, key: str) -> bytes:
        """Raises `KeyError`."""
        ...

    async def delete(self, key: str) -> None:
        """Remove; absent is fine."""
        ...


class Outbox(Protocol):
    """Deliveries that are still owed, so that none is forgotten by a crash. Written by `Jobs`, in its transactions."""

    async def due(self, now: datetime, *, besides: Collection[str] = (), limit: int = 50) -> list[Parcel]:
        """What may be tried now, oldest first, not looking at these jobs; also what a clock since set back put off."""
        ...

    async def next_at(self, *, besides: Collection[str] = ()) -> datetime | None:
        """When the next one is due, not looking at these jobs."""
        ...

    async def owes(self, job_id: str) -> bool:
        """Whether this job's reply is still owed something."""
        ...

    async def later(self, parcel: Parcel, at: datetime, why: str) -> None:
        """Try again then."""
        ...

    async def done(self, parcel: Parcel) -> None:
        """Nothing is owed any more."""
        ...


class Replies(Protocol):
    """The one reply message of a job, whoever draws it (Discord, a test)."""

    def show(self, job: Job, event: Event) -> None:
        """Show this event as soon as limits allow; latest wins; never blocks, never raises."""
        ...

    async def deliver(self, job: Job, cells: Sequence[Cell]) -> int | None:
        """Turn the reply into the result; idempotent. Returns the message id.

        Raises `ReplyGone` when nothing can ever be shown there, `DeliveryLater` when it should be tried again, and
        another `DeliveryError` when Discord refuses this very message.
        """
        ...

    async def notify(self, job: Job, message_id: int) -> None:
        """Ping the member: called at most once in a job's life, after its delivery was written down. Never raises."""
        ...

    async def review(self, job: Job, cells: Sequence[Cell]) -> None:
        """Say in the reply that a moderator looks first, and ask them in the review channel. Raises as `deliver`."""
        ...

    async def closed(self, job: Job, error: Exception) -> None:
        """Say in the reply that the job failed or was cancelled, and what to do. Raises as `deliver`."""
        ...


class Estimates(Protocol):
    """What a job will cost, learnt from measured ones."""

    async def estimate_ms(self, request: ImageRequest) -> float:
        """Device time in ms."""
        ...

    async def learn(self, request: ImageRequest, gpu_ms: float) -> None:
        """Remember what it cost."""
        ...


__all__ = [
    "Ask",
    "Clock",
    "EnginePort",
    "Estimates",
    "Jobs",
    "Kept",
    "Member",
    "Outbox",
    "Parcel",
    "Pictures",
    "Place",
    "Replies",
    "Rules",
    "Stream",
]
