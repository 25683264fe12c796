"""The job service: accepts jobs, runs them through the engine, has results delivered. The engine's only caller."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from datetime import timedelta

from bot.domain.jobs.dependencies import Ports
from bot.domain.jobs.job_run import JobRun
from bot.domain.jobs.outbox_worker import OutboxWorker
from bot.domain.jobs.results import JobResults
from bot.domain.jobs.retry_policy import RetryPolicy
from bot.domain.jobs.reviews import Reviews
from bot.domain.model import Ask, Job, JobState, Member, Place
from bot.domain.moderation.access import moderates_job
from bot.domain.prompting.engine_requests import Asker
from bot.errors import Fenced, JobNotFound, OwnersOnly, PictureHidden, ReplyGone, Restarting
from engine import AbortReason, RequestAborted, Resolved, result_size

log = logging.getLogger(__name__)

_LIVE = (JobState.QUEUED, JobState.RUNNING)
_SERVED_WINDOW = timedelta(hours=24)
_PARK_S = 1.5


class JobService(JobResults):
    """Accepts, runs and cancels jobs. Crashes and restarts lose no job, and double or charge none twice."""

    def __init__(self, ports: Ports, *, retry: RetryPolicy | None = None) -> None:
        super().__init__(ports.jobs, ports.pictures)
        self._ports = ports
        self._outbox_worker = OutboxWorker(ports, self._tell_waiting, retry, self._closed)
        self.reviews = Reviews(ports, self._outbox_worker.wake)
        self._delivering: asyncio.Task[None] | None = None
        self._runs: dict[str, tuple[JobRun, asyncio.Task[None]]] = {}
        self._suspects = asyncio.Lock()
        self._accepting = set[asyncio.Future[Job]]()
        self._changed = asyncio.Condition()
        self._is_open = False

    async def start(self) -> None:
        """Resume after a restart: entries of the outbox are delivered, unfinished jobs run again from their seed."""
        served = await self._jobs.served(self._ports.clock() - _SERVED_WINDOW)
        self._ports.engine.set_served(
            {member: one.gpu_ms for member, one in served.items()},
            {member: one.weight for member, one in served.items()},
        )
        self._is_open = True
        # Those that were interrupted most often come last: should one of them be why, the others are over before.
        for job in sorted(await self._jobs.unfinished(), key=lambda job: job.attempts):
            if job.state in _LIVE and self._ports.is_ours(job.guild_id):
                self._begin(JobRun(self._ports, self._suspects, job))
        self._delivering = self._ports.tasks.start(self._outbox_worker.run(), "deliveries")

    async def look(self) -> None:
        """Beside other bots: begin what is this bot's work by now, and end what is not, or was closed by another bot.

        Raises `StoreError`.
        """
        known = set(self._runs)
        here = await self._jobs.here()
        for job_id in here - known:
            job = await self._jobs.get(job_id)
            if self._is_open and job.state in _LIVE and self._ports.is_ours(job.guild_id):
                self._begin(JobRun(self._ports, self._suspects, job))
        for job_id in known - here:
            self._closed(job_id)
        await self._note_change()

    async def release(self) -> None:
        """Park the runs, and end the deliveries, that are not this bot's work any more; others go on."""
        runs = [one for one in self._runs.values() if not self._ports.is_ours(one[0].job.guild_id)]
        for run, _ in runs:
            run.end(AbortReason.SHUTDOWN)
        tasks = [task for _, task in runs]
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=_PARK_S)
            for task in stuck:
                task.cancel()
            await asyncio.gather(*stuck, return_exceptions=True)
        await self._outbox_worker.settle()

    async def stop(self, deadline_s: float = 10.0) -> None:
        """Accept no more jobs; let running ones finish until the deadline, park the rest, end deliveries."""
        self._is_open = False
        await asyncio.gather(*self._accepting, return_exceptions=True)
        for run, _ in self._runs.values():
            if not run.has_started or run.is_put_off:
                run.end(AbortReason.SHUTDOWN)
        if tasks := self._tasks():
            await asyncio.wait(tasks, timeout=deadline_s)
        for run, _ in self._runs.values():
            run.end(AbortReason.SHUTDOWN)
        if tasks := self._tasks():
            await asyncio.wait(tasks, timeout=_PARK_S)
        await self._end_tasks()

    async def _end_tasks(self) -> None:
        leftover = self._tasks() + ([self._delivering] if self._delivering else [])
        for task in leftover:
            task.cancel()
        await asyncio.gather(*leftover, return_exceptions=True)

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [task for _, task in self._runs.values()]

    @property
    def running(self) -> tuple[str, ...]:
        """Ids of the jobs that run in the engine or wait for it."""
        return tuple(self._runs)

    # --- jobs ------------------------------------------------------------------------------------------

    async def submit(self, ask: Ask) -> Job:
        """Accept a job and start it. Raises `UserError` and `InvalidRequest`; then nothing is charged."""
        if not self._is_open:
            raise Restarting
        weight, uploads, resolved = await self._checked(ask)
        estimate_ms = await self._ports.estimates.estimate_ms(resolved.request)
        # Not cut off with whoever asks: what is committed is begun.
        accepting = asyncio.ensure_future(self._accept(ask, resolved, weight, estimate_ms, uploads))
        self._accepting.add(accepting)
        accepting.add_done_callback(self._accepted)
        return await asyncio.shield(accepting)

    async def check(self, ask: Ask) -> None:
        """Raise what `submit` would, but for what is full or used up; nothing is accepted."""
        await self._checked(ask)

    async def _checked(self, ask: Ask) -> tuple[float, Mapping[str, bytes], Resolved]:
        weight = await self._ports.rules.weight(ask)
        uploads = await self._ports.uploads(ask.spec)
        resolved = await self._ports.resolve(ask.spec, Asker(member=str(ask.member.id), weight=weight), uploads)
        await self._ports.rules.check(_as_it_will_run(ask, resolved), resolved.request.cell_prompts)
        return weight, uploads, resolved

    def _accepted(self, accepting: asyncio.Future[Job]) -> None:
        self._accepting.discard(accepting)
        if not accepting.cancelled():
            accepting.exception()  # looked at: whoever asked may have been cut off and hears of no refusal

    async def _accept(
        self, ask: Ask, resolved: Resolved, weight: float, estimate_ms: float, uploads: Mapping[str, bytes]
    ) -> Job:
        job = await self._jobs.accept(
            ask, model=resolved.request.model, weight=weight, estimate_ms=estimate_ms, now=self._ports.clock()
        )
        log.info("job accepted", extra={"job": job.id, "verb": job.spec.verb.value})
        if self._is_open and self._ports.is_ours(job.guild_id):
            self._begin(JobRun(self._ports, self._suspects, job, resolved))
        for key, content in uploads.items():
            # Another job's rows may just have gone, and this file with them, before ours named it.
            await self._ports.pictures.keep(key, content)
        return job

    async def check_entry(self, by: Member, place: Place) -> None:
        """Raise a `UserError` when rules keep this member out of this place; call it before an upload is fetched."""
        await self._ports.rules.check_entry(by, place)

    async def check_words(self, by: Member, place: Place, text: str) -> None:
        """Raise a `UserError` when rules forbid this member to say that in this place, in a game or a caption."""
        await self._ports.rules.check_words(by, place, text)

    async def check_post(self, job: Job, by: Member, place: Place) -> None:
        """Raise a `UserError` when rules forbid this member to post a stored result in that place."""
        await self._ports.rules.check_post(job, await self._jobs.cells(job.id), by, place)

    async def cancel(self, job_id: str, by: Member) -> Job:
        """End a waiting or running job; one that is over stays as it is. Raises `OwnersOnly` and `JobNotFound`."""
        job = await self._jobs.get(job_id)
        if by.id != job.member_id and not moderates_job(by, job):
            raise OwnersOnly(job.member_id)
        reason = AbortReason.USER_REQUEST if by.id == job.member_id else AbortReason.MODERATOR
        return await self._end(job_id, RequestAborted(reason), reason, _LIVE)

    async def gone(self, job_id: str) -> None:
        """The reply was deleted: cancel the job."""
        states = (*_LIVE, JobState.RENDERED, JobState.REVIEW)
        with contextlib.suppress(JobNotFound):  # deleted together with its reply
            await self._end(job_id, ReplyGone(job_id), AbortReason.CLIENT_GONE, states)

    async def withdraw(self, job_id: str) -> None:
        """What a job is made from was hidden: end it, wherever it was asked for, unless it is over."""
        with contextlib.suppress(JobNotFound):
            await self._end(job_id, PictureHidden(), AbortReason.MODERATOR, _LIVE)

    async def _end(self, job_id: str, error: Exception, reason: AbortReason, states: tuple[JobState, ...]) -> Job:
        while True:
            job = await self._jobs.get(job_id)
            if job.state not in states:
                return job
            run = self._runs[job_id][0] if job_id in self._runs else None
            owed = run.owed if run and job.state in _LIVE else None
            try:
                closed = await self._jobs.close(job, JobState.CANCELLED, error, self._ports.clock(), owed)
            except Fenced:
                continue  # it was just claimed or finished: look again
            if run:
                run.end(reason)
            await self._note_change()
            return closed

    async def wait(self, job_id: str) -> Job:
        """Wait until a job changes no more by itself and its reply says so."""
        async with self._changed:
            while True:
                job = await self._jobs.get(job_id)
                is_busy = job_id in self._runs or job.state in (*_LIVE, JobState.RENDERED)
                if not is_busy and not await self._ports.outbox.owes(job_id):
                    return job
                await self._changed.wait()

    # --- runs ------------------------------------------------------------------------------------------

    def _begin(self, run: JobRun) -> None:
        if run.job.id in self._runs:
            return
        task = self._ports.tasks.start(self._live(run), f"job {run.job.id}")
        self._runs[run.job.id] = (run, task)

    def _closed(self, job_id: str) -> None:
        """A job is over, perhaps by another bot's hand: its run must show nothing any more."""
        if job_id in self._runs:
            self._runs[job_id][0].end(AbortReason.CLIENT_GONE)

    async def _live(self, run: JobRun) -> None:
        try:
            try:
                bug = await run.until_over()
                if isinstance(bug, Exception):
                    log.error("job failed", extra={"job": run.job.id}, exc_info=bug)
                    await run.fail(bug)
            finally:
                self._outbox_worker.wake()
            await run.learn()
        finally:
            del self._runs[run.job.id]
            await self._tell_waiting()

    async def _note_change(self) -> None:
        self._outbox_worker.wake()
        await self._tell_waiting()

    async def _tell_waiting(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _as_it_will_run(ask: Ask, resolved: Resolved) -> Ask:
    """The ask with the engine's defaults filled in, so that rules see the model, the steps and the result's size."""
    request = resolved.request
    options = ask.spec.options.model_copy(
        update={
            "prompt": request.prompt,
            "negative": request.negative_prompt,
            "model": request.model,
            "steps": request.num_inference_steps,
        }
    )
    width, height = result_size(request)
    spec = ask.spec.model_copy(update={"options": options, "width": width, "height": height})
    return ask.model_copy(update={"spec": spec})
