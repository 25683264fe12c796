"""Delivers what is owed to replies, and goes on trying: Discord and the network fail more often than we do."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.model import LONGEST_DELAY, OutboxEntry
from bot.domain.ports import Clock, Outbox
from bot.errors import DeliveryError, DeliveryLater, StoreError

log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]

AT_ONCE = 50
"""So many deliveries are under way at most: uploads share the line, and each holds its pictures in memory."""
_PASSES = (DeliveryLater, StoreError, TimeoutError)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Twice as long after each failure, at least as long as the other side asks for, and at last never again."""

    first_s: float = 1.0
    longest_s: float = 300.0
    max_tries: int = 20
    """For what nobody expected; with the pauses above this is more than an hour."""
    max_later: int = 300
    """For what passes by itself, a night without Discord or a full disk: about a day."""
    longest_try_s: float = 120.0
    grace_s: float = 1.5
    """How long a delivery that is under way may hold up a stop."""
    jitter: Callable[[], float] = random.random

    def tries(self, error: Exception) -> int:
        """How often what ended with this error may be tried; a message that Discord refuses once it always refuses."""
        if isinstance(error, _PASSES):
            return self.max_later
        return 1 if isinstance(error, DeliveryError) else self.max_tries

    def pause_s(self, tries: int, asked_s: float = 0.0) -> float:
        """How long to wait after the failure number `tries` + 1."""
        grown = min(self.longest_s, self.first_s * 2.0 ** min(tries, 30))
        # Half of it by chance: many replies that failed together shall not come back together.
        return max(min(asked_s, LONGEST_DELAY.total_seconds()), grown * (0.5 + 0.5 * self.jitter()))


class OutboxWorker:
    """One task that starts a delivery for every parcel when it is due, one at a time for each job."""

    def __init__(
        self,
        outbox: Outbox,
        deliver: Callable[[OutboxEntry], Awaitable[None]],
        give_up: Callable[[OutboxEntry, Exception], Awaitable[None]],
        *,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        policy: RetryPolicy | None = None,
        idle_s: float = 30.0,
    ) -> None:
        self._outbox, self._deliver, self._give_up = outbox, deliver, give_up
        self._clock, self._sleep, self._policy, self._idle_s = clock, sleep, policy or RetryPolicy(), idle_s
        self._wake = asyncio.Event()
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Something new is owed."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled; what is under way then is given a moment to finish."""
        try:
            while True:
                # Gathered, an error is a value: a database that fails for a while must not end all deliveries.
                [error] = await asyncio.gather(self._round(), return_exceptions=True)
                if isinstance(error, Exception):
                    log.error("the outbox cannot be read", exc_info=error)
                    await self._sleep(self._idle_s)
        finally:
            await self._finish()

    async def _round(self) -> None:
        self._wake.clear()
        busy = tuple(self._under_way)
        if room := AT_ONCE - len(busy):
            for entry in await self._outbox.due(self._clock(), besides=busy, limit=room):
                self._start(entry)
        await self._until_something_is_due()

    async def _finish(self) -> None:
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
        self._wake.set()

    async def _try(self, entry: OutboxEntry) -> None:
        [error] = await asyncio.gather(self._attempt(entry), return_exceptions=True)
        match error:
            case None:
                return
            case Exception():
                # How it went could not be written down: without a pause it would be due, and shown, again at once.
                log.error("delivery not noted", extra={"job": entry.job_id}, exc_info=error)
                await self._sleep(self._idle_s)
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
                await self._later(entry, error)
            case Exception():
                log.error("delivery given up", extra={"job": entry.job_id, "tries": entry.tries + 1}, exc_info=error)
                await self._give_up(entry, error)
            case _:
                raise error

    async def _later(self, entry: OutboxEntry, error: Exception) -> None:
        is_expected = isinstance(error, DeliveryLater)
        pause_s = self._policy.pause_s(entry.tries, error.retry_after_s if isinstance(error, DeliveryLater) else 0.0)
        level, cause = (logging.INFO, None) if is_expected else (logging.ERROR, error)
        log.log(level, "delivery put off", extra={"job": entry.job_id, "pause_s": pause_s}, exc_info=cause)
        await self._outbox.later(entry, self._clock() + timedelta(seconds=pause_s), str(error))

    async def _until_something_is_due(self) -> None:
        busy, pause_s = tuple(self._under_way), self._idle_s
        next_at = await self._outbox.next_at(besides=busy) if len(busy) < AT_ONCE else None
        if next_at is not None:
            pause_s = min(pause_s, max(0.0, (next_at - self._clock()).total_seconds()))
        await first_of(self._wake.wait(), self._sleep(pause_s))


async def first_of(*waits: Awaitable[object]) -> None:
    """Wait until one of them is done, and leave the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
