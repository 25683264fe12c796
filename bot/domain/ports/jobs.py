"""The store of jobs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from bot.domain.model import Ask, Cell, Charge, Job, JobState, Kept
from bot.domain.quotas.usage import Served


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

    async def shown_in(self, job_id: str) -> set[int]:
        """The channels in which messages of ours show it."""
        ...

    async def extracted(self, job_ids: Collection[str], channel_id: int, message_id: int) -> None:
        """Remember a message that shows something of these jobs besides their results: a time-lapse, a family tree."""
        ...

    async def extract_at(self, message_id: int) -> list[Job]:
        """The jobs of which a message shows such an extract, or none."""
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
        self, job: Job, state: JobState, error: Exception, now: datetime, charge: Charge | None = None
    ) -> Job:
        """End as failed or cancelled. Refunds everything, or charges only what is given.

        What was kept and charged already, and is kept back now, costs its time only.
        """
        ...

    async def reply_at(self, job_id: str, message_id: int) -> None:
        """Remember the reply's message id."""
        ...

    async def served(self, since: datetime) -> dict[str, Served]:
        """By member key what was charged for jobs that were drawn, or cancelled meanwhile, since then."""
        ...

    async def unfinished(self) -> list[Job]:
        """All jobs that are not final, oldest first."""
        ...

    async def cells(self, job_id: str) -> list[Cell]:
        """The kept pictures in cell order."""
        ...
