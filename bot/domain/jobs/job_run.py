"""Job run: takes one job through the engine under one epoch: claim, run, store. The store refuses older epochs."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from itertools import chain, repeat

from bot.domain.jobs import stored_files
from bot.domain.jobs.dependencies import Ports
from bot.domain.model import Charge, Job, JobSpec, JobState, Verdict
from bot.domain.ports import PutOff, Stream
from bot.domain.prompting.engine_requests import Asker
from bot.domain.quotas.quota import part_of, pictures
from bot.errors import DiskFull, Fenced, InterruptedTooOften, PictureBlocked, StoreError, UserError, unexplained
from bot.tasks import first_of, held
from engine import (
    AbortReason,
    EngineError,
    Finished,
    ImageRequest,
    InferenceFailed,
    Progress,
    Queued,
    QueueFull,
    Rejected,
    RequestAborted,
    Resolved,
    Started,
)

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 6
"""How often a job may begin; one that takes the whole bot down with it must not do so for ever."""
SUSPECT_ATTEMPTS = 2
"""From so many on, jobs run one at a time: what ends the bot again is that one's doing, and no other's attempt."""
IN_TURN = Queued(1, reason="those that were interrupted before come one at a time")

_LONGEST_PAUSE_S = 15.0
_STORE_PAUSES_S = (5.0, 15.0, 30.0, 60.0)
"""A full disk or a server that restarts: the job waits, nothing is lost."""
_OUTLIVES = (AbortReason.SHUTDOWN, AbortReason.CLIENT_GONE)


class JobRun:
    """One run of a job. `until_over` does everything; `end` stops it from outside."""

    def __init__(self, ports: Ports, suspects: asyncio.Lock, job: Job, resolved: Resolved | None = None) -> None:
        """`resolved`: the request of a job that was just accepted; its first epoch is this run's, unclaimed.

        `suspects` is held by the one that runs of the jobs that were interrupted `SUSPECT_ATTEMPTS` times or more.
        """
        self._ports, self._suspects, self.job, self._resolved = ports, suspects, job, resolved
        self._is_claimed = resolved is not None
        self._stream: Stream | None = None
        self._step, self._steps = 0, 1
        self._has_previewed = False
        self._ended_by: AbortReason | None = None
        self._ended = asyncio.Event()
        self._unkept: tuple[ImageRequest, Finished] | None = None
        """A finished result that the store did not take yet; it is not drawn again for that."""
        self._measured: tuple[ImageRequest, float] | None = None
        self._blocked: Charge | None = None
        """The charge for a result that may not be shown: its device time was used all the same."""
        self.has_started = False
        self.is_put_off = False
        """The store failed, and the next try is not due yet."""

    @property
    def owed(self) -> Charge | None:
        """What a cancel would cost now: nothing (None) before a step was done, then the measured time.

        Once a preview was shown, the pictures count by the part that is drawn.
        """
        if self._stream is None or not self._step:
            return None
        whole = pictures(self.job.spec.verb, self.job.spec.count) if self._has_previewed else 0
        return Charge(self._stream.gpu_ms, part_of(whole, self._step, self._steps))

    @property
    def is_ended(self) -> bool:
        """Whether `end` was called."""
        return self._ended_by is not None

    def end(self, reason: AbortReason) -> None:
        """Stop soon: the job is parked on shutdown and closed otherwise, unless it finishes before."""
        self._ended_by = self._ended_by or reason
        self._ended.set()
        if self._stream is not None:
            self._stream.cancel(reason)

    async def until_over(self) -> BaseException | None:
        """`live`, again as long as the store fails. Returns an unexpected error, or None."""
        return await self._insist(self.live)

    async def _insist(self, work: Callable[[], Awaitable[None]]) -> BaseException | None:
        # Gathered, an error is a value: a bug ends this job alone, loudly and refunded.
        [error] = await asyncio.gather(work(), return_exceptions=True)
        if isinstance(error, StoreError) and not self.is_ended:
            log.error("job put off: %s", error, extra={"job": self.job.id}, exc_info=unexplained(error))
        pauses = chain(_STORE_PAUSES_S, repeat(_STORE_PAUSES_S[-1]))
        while isinstance(error, StoreError) and not self.is_ended:
            self._ports.replies.show(self.job, PutOff(is_full=isinstance(error, DiskFull)))
            [error] = await asyncio.gather(self._again(work, next(pauses)), return_exceptions=True)
        return None if isinstance(error, StoreError) else error

    async def _again(self, work: Callable[[], Awaitable[None]], pause_s: float) -> None:
        self.is_put_off = True
        await self.pause(pause_s)
        self.is_put_off = False
        await work()

    async def live(self) -> None:
        """Run the job from claim to stored or closed. Raises `StoreError`, and errors that are bugs."""
        try:
            await self._live()
        except Fenced as error:
            log.info("run refused: %s", error, extra={"job": self.job.id})
        except RequestAborted as error:
            await self._aborted(error)
        except (EngineError, UserError) as error:
            level = logging.ERROR if isinstance(error, InferenceFailed | InterruptedTooOften) else logging.INFO
            log.log(level, "job failed: %s", error, extra={"job": self.job.id})
            await self._close(JobState.FAILED, error, self._blocked)

    async def pause(self, seconds: float) -> None:
        """Wait before the next `live`, then read the job anew; `end` cuts the wait short."""
        await first_of(self._ended.wait(), self._ports.sleep(seconds))
        self.job = await self._ports.jobs.get(self.job.id)

    async def learn(self) -> None:
        """Add the measured device time to the estimates; called after `live`, when the pictures are stored."""
        if self._measured is not None:
            await self._ports.estimates.learn(*self._measured)

    async def fail(self, error: Exception) -> None:
        """Close the job after an unexpected error, as soon as the store takes it."""
        why = InferenceFailed(f"something went wrong ({type(error).__name__})")
        await self._insist(functools.partial(self._close, JobState.FAILED, why))

    async def _live(self) -> None:
        jobs = self._ports.jobs
        if not self._is_claimed:
            self.job = await jobs.claim(self.job)
        self._is_claimed = False  # another try claims it
        if self._unkept is None:
            self._unkept = await self._drawn()
        request, finished = self._unkept
        await self._keep(finished)
        self._measured, self._unkept = (request, finished.gpu_ms), None

    async def _drawn(self) -> tuple[ImageRequest, Finished]:
        if self.job.attempts >= MAX_ATTEMPTS:
            raise InterruptedTooOften(self.job.attempts)
        if self.job.attempts < SUSPECT_ATTEMPTS:
            resolved = await self._request()
            return resolved.request, await self._through_engine(resolved)
        if self._suspects.locked():
            self._ports.replies.show(self.job, IN_TURN)
        async with held(self._suspects, until=self._ended):
            resolved = await self._request()
            return resolved.request, await self._through_engine(resolved)

    async def _request(self) -> Resolved:
        job = self.job
        resolved, self._resolved = self._resolved, None
        if resolved is None:
            asker = Asker(member=str(job.member_id), weight=job.weight)
            spec = await self._spec()
            resolved = await self._ports.resolve(spec, asker, await self._ports.uploads(spec), job.model)
        # An id of its own for each epoch: the engine may still be busy ending the last one.
        update = {"id": f"{job.id}-{job.epoch}", "preview_limit": await self._ports.rules.preview_limit(job)}
        return Resolved(resolved.request.model_copy(update=update), resolved.notes)

    async def _spec(self) -> JobSpec:
        """What is drawn, with its words where they are a secret."""
        spec = self.job.spec
        words = await self._ports.jobs.words_of(self.job.id) if spec.sealed else None
        return (
            spec
            if words is None
            else spec.model_copy(update={"options": spec.options.model_copy(update={"prompt": words})})
        )

    async def _through_engine(self, resolved: Resolved) -> Finished:
        pause_s = 1.0
        while self._ended_by is None:
            try:
                self._stream = self._ports.engine.submit(resolved)
            except Rejected as error:
                ahead = error.waiting if isinstance(error, QueueFull) else 0
                self._ports.replies.show(self.job, Queued(ahead, reason=str(error)))
                await first_of(self._ended.wait(), self._ports.sleep(max(error.retry_after_s, pause_s)))
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                return await self._follow(self._stream)
        raise RequestAborted(self._ended_by)

    async def _follow(self, stream: Stream) -> Finished:
        try:
            async for event in stream:
                match event:
                    case Finished():
                        return event
                    case Started():
                        self.has_started = True
                        self.job = await self._ports.jobs.started(self.job, self._ports.clock())
                    case Progress():
                        self._step, self._steps = event.step, event.steps
                        self._has_previewed = self._has_previewed or event.preview is not None
                    case _:
                        pass
                self._ports.replies.show(self.job, event)
        finally:
            await stream.aclose()
        raise InferenceFailed("the engine ended without a result")

    async def _keep(self, finished: Finished) -> None:
        cells = await asyncio.to_thread(stored_files.cells_of, self.job, finished.images)
        verdict = await self._ports.rules.verdict(self.job, cells) if cells else Verdict.DELIVER
        if verdict is Verdict.BLOCK:
            self._blocked = Charge(finished.gpu_ms)
            raise PictureBlocked(tuple(cell.cell for cell in cells))
        files = await asyncio.to_thread(stored_files.files_of, self.job, finished)
        try:
            await asyncio.gather(*(self._ports.pictures.put(key, content) for key, content in files.items()))
            hints = await self._ports.hints.notes(self.job) if self._ports.hints and not finished.is_known else ()
            kept = stored_files.kept_from(self.job, finished, cells, verdict, hints)
            if self._ports.fingerprint is not None:
                taken = await asyncio.to_thread(stored_files.fingerprints_of, finished.images, self._ports.fingerprint)
                kept = kept.model_copy(update={"fingerprints": taken})
            self.job = await self._ports.jobs.keep(self.job, kept, self._ports.clock())
        except Fenced:
            for key in files:
                await self._ports.pictures.delete(key)
            raise

    async def _aborted(self, error: RequestAborted) -> None:
        if error.reason not in _OUTLIVES:
            await self._close(JobState.CANCELLED, error, self.owed)
            return
        try:
            self.job = await self._ports.jobs.park(self.job)
        except Fenced:
            log.info("job not parked, it was closed or taken over", extra={"job": self.job.id})

    async def _close(self, state: JobState, error: Exception, charge: Charge | None = None) -> None:
        now = self._ports.clock()
        try:
            self.job = await self._ports.jobs.close(self.job, state, error, now, charge)
        except Fenced:
            # Cancelled meanwhile, by somebody who closed it first.
            log.info("job closed already", extra={"job": self.job.id})
