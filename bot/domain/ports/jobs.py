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
        """The job that a message of the bot shows, and the cell when it shows one. Raises `JobNotFound`."""
        ...

    async def shown_in(self, job_id: str) -> set[int]:
        """Ids of the channels in which messages of the bot show a job."""
        ...

    async def extracted(self, job_ids: Collection[str], channel_id: int, message_id: int) -> None:
        """Store that a message shows an extract of these jobs: a time-lapse or a family tree."""
        ...

    async def extract_at(self, message_id: int) -> list[Job]:
        """The jobs of which a message shows an extract; empty when it shows none."""
        ...

    async def posted(self, job_id: str, cell: int | None, channel_id: int, message_id: int) -> None:
        """Store that a further message shows this job, or one cell of it."""
        ...

    async def words_of(self, job_id: str) -> str | None:
        """The prompt of a sealed job; None where it is not sealed."""
        ...

    async def unseal(self, job_ids: Collection[str]) -> None:
        """Put the prompts of sealed jobs back into the jobs; again is harmless."""
        ...

    async def claim(self, job: Job) -> Job:
        """Begin a run under the next epoch; writes of older epochs raise `Fenced` from now on."""
        ...

    async def started(self, job: Job, now: datetime) -> Job:
        """Set the job to running: the engine has given it a lane."""
        ...

    async def park(self, job: Job) -> Job:
        """Set the job to queued again, to run later from the same seed; this does not count as an attempt."""
        ...

    async def keep(self, job: Job, kept: Kept, now: datetime) -> Job:
        """Store the finished pictures' rows, settle the reservation, and set the job to rendered (or review)."""
        ...

    async def approve(self, job: Job, now: datetime) -> Job:
        """Set a job in review to rendered."""
        ...

    async def delivered(self, job: Job, message_id: int | None, now: datetime) -> Job:
        """Set the job to delivered: its reply shows the result."""
        ...

    async def close(
        self, job: Job, state: JobState, error: Exception, now: datetime, charge: Charge | None = None
    ) -> Job:
        """End as failed or cancelled. Refunds everything, or charges only what is given.

        What was kept and charged already, and is kept back now, costs its time only.
        """
        ...

    async def reply_at(self, job_id: str, message_id: int) -> None:
        """Store the reply's message id."""
        ...

    async def served(self, since: datetime) -> dict[str, Served]:
        """By member key the device time in ms charged since then, for finished and cancelled jobs."""
        ...

    async def unfinished(self) -> list[Job]:
        """All jobs that are not final, oldest first."""
        ...

    async def here(self) -> set[str]:
        """Ids of the queued and running jobs that are this bot's work; others may belong to other bots."""
        ...

    async def cells(self, job_id: str) -> list[Cell]:
        """The kept pictures in cell order."""
        ...
