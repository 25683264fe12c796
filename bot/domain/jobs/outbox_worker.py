"""Outbox worker: posts results, reviews and closings to their replies, with retries."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from bot.domain.jobs import error_codec
from bot.domain.jobs.dependencies import Ports
from bot.domain.jobs.retry_policy import RetryPolicy
from bot.domain.model import Job, JobState, OutboxEntry, OutboxKind
from bot.errors import DeliveryLater, Fenced, ReplyGone, unexplained
from bot.tasks import first_of
from engine import InferenceFailed

log = logging.getLogger(__name__)

AT_ONCE = 50
"""The highest number of deliveries under way: uploads share the line, and each holds its pictures in memory."""
_IDLE_S = 30.0
"""The longest pause between two looks at the outbox, and the pause after the store failed."""


class OutboxWorker:
    """Starts a task for every outbox entry that is due, one at a time for each job."""

    def __init__(
        self,
        ports: Ports,
        changed: Callable[[], Awaitable[None]],
        policy: RetryPolicy | None = None,
        closed: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`changed` is called after each entry that was delivered or given up, `closed` before a closing is shown."""
        self._ports, self._changed, self._policy, self._closed = ports, changed, policy or RetryPolicy(), closed
        self._wake = asyncio.Event()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._unseen = set[str]()
        """Jobs under way that may be owed something more: the outbox is looked at again when they end."""
        self._is_full = False
        """Whether more may be due than could be begun."""

    def wake(self) -> None:
        """Look at the outbox now: an entry was added."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled; deliveries under way then have `grace_s` seconds to finish."""
        try:
            while True:
                # Gathered, an error is a value: a database that fails for a while must not end all deliveries.
                [error] = await asyncio.gather(self._round(), return_exceptions=True)
                if isinstance(error, Exception):
                    log.error("the outbox cannot be read: %s", error, exc_info=unexplained(error))
                    await self._ports.sleep(_IDLE_S)
        finally:
            await self.settle()

    async def _round(self) -> None:
        self._wake.clear()
        busy, pause_s = tuple(self._under_way), _IDLE_S
        self._unseen |= set(busy)
        if room := AT_ONCE - len(busy):
            due, next_at = await self._ports.outbox.look(self._ports.clock(), besides=busy, limit=room)
            for entry in due:
                self._start(entry)
            if next_at is not None:
                pause_s = min(pause_s, max(0.0, (next_at - self._ports.clock()).total_seconds()))
            room -= len(due)
        self._is_full = room <= 0
        await first_of(self._wake.wait(), self._ports.sleep(pause_s))

    async def settle(self) -> None:
        """Let the deliveries under way finish for `grace_s` seconds, and cut off the rest: they stay due."""
        if not (tasks := list(self._under_way.values())):
            return
        _, stuck = await asyncio.wait(tasks, timeout=self._policy.grace_s)
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)

    def _start(self, entry: OutboxEntry) -> None:
        task = asyncio.create_task(self._try(entry), name=f"deliver {entry.job_id}")
        self._under_way[entry.job_id] = task
        task.add_done_callback(lambda _: self._ended(entry.job_id))

    def _ended(self, job_id: str) -> None:
        del self._under_way[job_id]
        if self._is_full or job_id in self._unseen:
            self._unseen.discard(job_id)
            self._wake.set()

    # --- one try ---------------------------------------------------------------------------------------

    async def _try(self, entry: OutboxEntry) -> None:
        [error] = await asyncio.gather(self._attempt(entry), return_exceptions=True)
        match error:
            case None:
                return
            case Exception():
                self._unseen.add(entry.job_id)
                # The outcome could not be stored: without a pause the entry would be due, and shown, again at once.
                log.error("delivery not noted: %s", error, extra={"job": entry.job_id}, exc_info=unexplained(error))
                await self._ports.sleep(_IDLE_S)
            case _:
                raise error

    async def _attempt(self, entry: OutboxEntry) -> None:
        # Gathered, an error is a value: whatever goes wrong is tried again and in the end given up loudly.
        attempt = asyncio.wait_for(self._deliver(entry), self._policy.longest_try_s)
        [error] = await asyncio.gather(attempt, return_exceptions=True)
        match error:
            case None:
                return
            case Exception() if entry.tries + 1 < self._policy.tries(error):
                self._unseen.add(entry.job_id)
                await self._put_off(entry, error)
            case Exception():
                self._unseen.add(entry.job_id)
                log.error("delivery given up", extra={"job": entry.job_id, "tries": entry.tries + 1}, exc_info=error)
                await self._give_up(entry, error)
            case _:
                raise error

    async def _put_off(self, entry: OutboxEntry, error: Exception) -> None:
        is_expected = isinstance(error, DeliveryLater)
        pause_s = self._policy.pause_s(entry.tries, error.retry_after_s if isinstance(error, DeliveryLater) else 0.0)
        level, cause = (logging.INFO, None) if is_expected else (logging.ERROR, error)
        log.log(level, "delivery put off", extra={"job": entry.job_id, "pause_s": pause_s}, exc_info=cause)
        await self._ports.outbox.later(entry, self._ports.clock() + timedelta(seconds=pause_s), str(error))

    async def _give_up(self, entry: OutboxEntry, error: Exception) -> None:
        job = await self._ports.jobs.get(entry.job_id)
        await self._close(job, JobState.FAILED, InferenceFailed(f"the result could not be shown: {error}"))
        await self._ports.outbox.done(entry)
        await self._changed()

    async def _deliver(self, entry: OutboxEntry) -> None:
        job = await self._ports.jobs.get(entry.job_id)
        try:
            is_owed = await self._hand_over(job, entry)
        except ReplyGone as error:
            log.info("reply gone", extra={"job": job.id})
            self._unseen.add(job.id)
            await self._close(job, JobState.CANCELLED, error)
            is_owed = True
        if is_owed:
            await self._ports.outbox.done(entry)
        await self._changed()

    async def _hand_over(self, job: Job, entry: OutboxEntry) -> bool:
        """Show what the entry is about. Returns whether the entry is still there. Raises `ReplyGone`."""
        match entry.kind:
            case OutboxKind.RESULT:
                return not await self._show(job)
            case OutboxKind.REVIEW:
                await self._ports.replies.review(job, await self._ports.jobs.cells(job.id))
            case OutboxKind.CLOSED:
                self._closed(job.id)
                await self._ports.replies.closed(job, error_codec.unpack(entry.error))
        return True

    async def _show(self, job: Job) -> bool:
        """Returns whether it is delivered, its entry with it; False when it was closed while it was shown."""
        message_id = await self._ports.replies.deliver(job, await self._ports.jobs.cells(job.id))
        try:
            job = await self._ports.jobs.delivered(job, message_id, self._ports.clock())
        except Fenced:
            return False
        log.info("job delivered", extra={"job": job.id})
        if job.notify and job.reply.message_id is not None:
            # Only now: a crash before this line costs a ping, one after it never doubles it.
            await self._ports.replies.notify(job, job.reply.message_id)
        return True

    async def _close(self, job: Job, state: JobState, error: Exception) -> None:
        try:
            await self._ports.jobs.close(job, state, error, self._ports.clock())
        except Fenced:
            log.info("job closed already", extra={"job": job.id})
