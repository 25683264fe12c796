"""What the replies are owed, and how it is brought to them: results, reviews, and the word that a job is closed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from bot.domain.jobs import error_codec
from bot.domain.jobs.dependencies import Ports
from bot.domain.jobs.outbox_worker import OutboxWorker, RetryPolicy
from bot.domain.model import Job, JobState, OutboxEntry, OutboxKind
from bot.errors import Fenced, ReplyGone
from engine import InferenceFailed

log = logging.getLogger(__name__)


class Deliveries:
    """Brings each parcel to its reply; a reply that is gone closes the job, one that cannot be reached too, at last."""

    def __init__(self, ports: Ports, changed: Callable[[], Awaitable[None]], retry: RetryPolicy | None = None) -> None:
        self._ports, self._changed = ports, changed
        self._outbox_worker = OutboxWorker(
            ports.outbox, self._deliver, self._give_up, clock=ports.clock, sleep=ports.sleep, policy=retry
        )
        self.wake = self._outbox_worker.wake
        self.run = self._outbox_worker.run

    async def _deliver(self, entry: OutboxEntry) -> None:
        job = await self._ports.jobs.get(entry.job_id)
        try:
            match entry.kind:
                case OutboxKind.RESULT:
                    await self._show(job)
                case OutboxKind.REVIEW:
                    await self._ports.replies.review(job, await self._ports.jobs.cells(job.id))
                case OutboxKind.CLOSED:
                    await self._ports.replies.closed(job, error_codec.unpack(entry.error))
        except ReplyGone as error:
            log.info("reply gone", extra={"job": job.id})
            await self._close(job, JobState.CANCELLED, error)
        await self._ports.outbox.done(entry)
        await self._changed()

    async def _show(self, job: Job) -> None:
        message_id = await self._ports.replies.deliver(job, await self._ports.jobs.cells(job.id))
        try:
            job = await self._ports.jobs.delivered(job, message_id, self._ports.clock())
        except Fenced:
            return  # closed while it was shown
        log.info("job delivered", extra={"job": job.id})
        if job.notify and job.reply.message_id is not None:
            # Only now: a crash before this line costs a ping, one after it never doubles it.
            await self._ports.replies.notify(job, job.reply.message_id)

    async def _give_up(self, entry: OutboxEntry, error: Exception) -> None:
        job = await self._ports.jobs.get(entry.job_id)
        await self._close(job, JobState.FAILED, InferenceFailed(f"the result could not be shown: {error}"))
        await self._ports.outbox.done(entry)
        await self._changed()

    async def _close(self, job: Job, state: JobState, error: Exception) -> None:
        try:
            await self._ports.jobs.close(job, state, error, self._ports.clock())
        except Fenced:
            log.info("closed already", extra={"job": job.id})
