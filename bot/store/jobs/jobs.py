"""Jobs in the database. Each change of a job's state is one transaction, which an older epoch cannot make."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from bot.domain.jobs import error_codec
from bot.domain.jobs.fingerprint import Fingerprint
from bot.domain.model import Ask, Charge, Job, JobState, Kept, OutboxKind, Share
from bot.domain.quotas.quota import pictures
from bot.errors import Fenced, PictureBlocked, ReplyGone
from bot.store.database import Database, add, put, upsert
from bot.store.jobs.admission import AdmissionLimits, admit
from bot.store.jobs.job_reads import LIVE, JobReads, job_from
from bot.store.jobs.sealing import unseal
from bot.store.schema import UNFINISHED, cells, extracts, jobs, outbox, posts
from bot.store.schema_consent import fingerprints
from bot.store.schema_sums import outcomes


def _moves(*names: str, **changed: sa.ColumnElement[Any]) -> ReturningUpdate[Any]:
    """A change of a job's row, built once: `names` are the columns that are given with each, as `to_NAME`."""
    here = jobs.c.id == sa.bindparam("job"), jobs.c.epoch == sa.bindparam("under")
    states = jobs.c.state.in_(sa.bindparam("states", expanding=True))
    given = {name: sa.bindparam(f"to_{name}", type_=jobs.c[name].type) for name in names}
    return sa.update(jobs).where(*here, states).values({**given, **changed}).returning(*jobs.c)


def _or_as_it_is(name: str) -> sa.ColumnElement[Any]:
    return sa.func.coalesce(sa.bindparam(f"to_{name}", type_=jobs.c[name].type), jobs.c[name])


_CLAIMED = _moves("state", epoch=jobs.c.epoch + 1)
_STARTED = _moves("state", "started_at", attempts=jobs.c.attempts + 1)
_PARKED = _moves(
    "state", attempts=sa.case((jobs.c.state == JobState.RUNNING.value, jobs.c.attempts - 1), else_=jobs.c.attempts)
)
_KEPT = _moves("state", "gpu_ms", "spoiler", "recipe", "notes", "captions", "frames_key", "rendered_at")
_APPROVED = _moves("state")
_DELIVERED = _moves("state", "finished_at", message_id=_or_as_it_is("message_id"))
_CLOSED = _moves("state", "error", "finished_at", gpu_ms=_or_as_it_is("gpu_ms"))
_NO_LONGER_OWED = sa.delete(outbox).where(outbox.c.job_id == sa.bindparam("job"))


class Ledger(Protocol):
    """The quota ledger as the job store uses it, inside the job's transactions; each call takes effect exactly once."""

    async def reserve(self, connection: AsyncConnection, job: Job, ask: Ask, now: datetime) -> None:
        """Reserve `job.spec.count` pictures and `job.estimate_ms` ms. Raises `QuotaExceeded` or `TooManyJobs`."""
        ...

    async def settle(self, connection: AsyncConnection, job: Job, pictures: int, gpu_ms: float, now: datetime) -> None:
        """Charge `pictures` and `gpu_ms` (measured ms) instead of the reservation."""
        ...

    async def refund(self, connection: AsyncConnection, job_id: str, now: datetime) -> None:
        """Give back the whole reservation, or the whole charge."""
        ...

    async def waive(self, connection: AsyncConnection, job_id: str, now: datetime) -> None:
        """Give back the charged pictures; the device time stays charged."""
        ...


class JobStore(JobReads):
    """Implements `bot.domain.ports.Jobs` in SQL.

    Methods that take a job raise `Fenced` when its epoch is old or its state does not allow the change. What books a
    job takes its turn before it changes the job's row, as `admit` does: else an ask that comes twice, which waits for
    that row in its turn, and the booking wait for each other.
    """

    def __init__(self, database: Database, ledger: Ledger, *, limits: AdmissionLimits | None = None) -> None:
        super().__init__(database)
        self._ledger, self._limits = ledger, limits or AdmissionLimits()

    async def accept(self, ask: Ask, *, model: str, weight: float, estimate_ms: float, now: datetime) -> Job:
        """Reserve the quota and insert the job as queued; `estimate_ms` is the estimated device time in ms.

        Raises `QuotaExceeded`, `TooManyJobs`, `QueueFull` or `AlreadyAsked`.
        """
        async with self._database.write((ask.place.rules_id, ask.member.id)) as connection:
            known = {"model": model, "weight": weight, "estimate_ms": estimate_ms}
            job = await admit(connection, ask, self._limits, now, **known)
            await self._ledger.reserve(connection, job, ask, now)
        return job

    async def shown_in(self, job_id: str) -> set[int]:
        """Return the ids of the channels in which messages show the job or one of its cells."""
        shown = sa.select(posts.c.channel_id).where(posts.c.job_id == job_id)
        async with self._database.read() as connection:
            return set(await connection.scalars(shown))

    async def extracted(self, job_ids: Collection[str], channel_id: int, message_id: int) -> None:
        """Record that a message shows a time-lapse or lineage tree of these jobs, or asks something about them."""
        async with self._database.write() as connection:
            # A job that was deleted meanwhile has no row to refer to.
            there = await connection.scalars(sa.select(jobs.c.id).where(jobs.c.id.in_(job_ids)))
            rows = [{"message_id": message_id, "channel_id": channel_id, "job_id": job_id} for job_id in there]
            if rows:
                await connection.execute(upsert(connection, extracts).on_conflict_do_nothing(), rows)

    async def extract_at(self, message_id: int) -> list[Job]:
        """Return the jobs whose time-lapse or lineage tree a message shows, oldest first; often none."""
        shown = sa.select(extracts.c.job_id).where(extracts.c.message_id == message_id)
        return await self._all(sa.select(jobs).where(jobs.c.id.in_(shown)).order_by(jobs.c.created_at))

    async def posted(self, job_id: str, cell: int | None, channel_id: int, message_id: int) -> None:
        """Record that a message shows this job, or one cell of it."""
        async with self._database.write() as connection:
            await _post(connection, job_id, cell, channel_id, message_id)

    async def unposted(self, message_id: int) -> None:
        """A message was deleted: it shows nothing any more."""
        async with self._database.read() as connection:
            known = await connection.scalar(sa.select(posts.c.job_id).where(posts.c.message_id == message_id))
        if known is not None:
            async with self._database.write() as connection:
                await connection.execute(sa.delete(posts).where(posts.c.message_id == message_id))

    async def channel_gone(self, channel_id: int) -> None:
        """A channel or thread was deleted with its messages."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(posts).where(posts.c.channel_id == channel_id))

    async def unseal(self, job_ids: Collection[str]) -> None:
        """Put the prompts of sealed jobs back into the jobs, in one transaction; again is harmless."""
        async with self._database.write() as connection:
            await unseal(connection, job_ids)

    async def claim(self, job: Job) -> Job:
        """Begin a run under the next epoch; from now on older epochs raise `Fenced`."""
        return await self._move(job, _CLAIMED, LIVE, state=JobState.QUEUED)

    async def started(self, job: Job, now: datetime) -> Job:
        """Change to running, and count an attempt."""
        return await self._move(job, _STARTED, LIVE, state=JobState.RUNNING, started_at=now)

    async def park(self, job: Job) -> Job:
        """Change to queued, to run again later from the same seed; a running attempt is not counted."""
        return await self._move(job, _PARKED, LIVE, state=JobState.QUEUED)

    async def keep(self, job: Job, kept: Kept, now: datetime) -> Job:
        """Store the cells' rows, settle the quota, and change to rendered or review, with an outbox entry."""
        async with self._database.write((job.rules_id,)) as connection:
            stored = await _move(
                connection, job, _KEPT, LIVE, state=kept.state, gpu_ms=kept.gpu_ms, spoiler=kept.spoiler,
                recipe=kept.recipe, notes=list(kept.notes), captions=list(kept.captions),
                frames_key=kept.frames_key, rendered_at=now,
            )  # fmt: skip
            if kept.cells:
                await connection.execute(sa.insert(cells), [cell.model_dump() for cell in kept.cells])
                await _know_again(connection, job.id, kept.fingerprints)
            charged = pictures(stored.spec.verb, len(kept.cells))
            await self._ledger.settle(connection, stored, charged, kept.gpu_ms, now)
            kind = OutboxKind.REVIEW if kept.state is JobState.REVIEW else OutboxKind.RESULT
            await owe(connection, stored, kind, now)
        return stored

    async def approve(self, job: Job, now: datetime) -> Job:
        """Change from review to rendered, with an outbox entry for the result."""
        async with self._database.write() as connection:
            approved = await _move(connection, job, _APPROVED, (JobState.REVIEW,), state=JobState.RENDERED)
            await owe(connection, approved, OutboxKind.RESULT, now)
        return approved

    async def delivered(self, job: Job, message_id: int | None, now: datetime) -> Job:
        """Change to delivered, record the message, and delete the outbox entry."""
        async with self._database.write() as connection:
            done = await _move(
                connection, job, _DELIVERED, (JobState.RENDERED,), state=JobState.DELIVERED, finished_at=now,
                message_id=message_id,
            )  # fmt: skip
            await connection.execute(_NO_LONGER_OWED, {"job": job.id})
            if done.reply.message_id is not None:
                await _post(connection, job.id, None, done.reply.channel_id, done.reply.message_id)
            await _count(connection, done.state)
        return done

    async def close(
        self, job: Job, state: JobState, error: Exception, now: datetime, charge: Charge | None = None
    ) -> Job:
        """End as failed or cancelled, with an outbox entry. Without `charge` everything is refunded.

        A job in review has been charged: its pictures are given back, its device time stays charged.
        """
        gpu_ms = None if charge is None else charge.gpu_ms
        values: dict[str, Any] = {"state": state, "error": str(error), "finished_at": now, "gpu_ms": gpu_ms}
        # A job that was kept or approved meanwhile will be shown, so it is not closed from its earlier state.
        states = LIVE if job.state in LIVE else [state for state in UNFINISHED if state == job.state]
        async with self._database.write((job.rules_id,)) as connection:
            closed = await _move(connection, job, _CLOSED, states, **values)
            if isinstance(error, PictureBlocked):
                # A blocked picture is not kept; the daily sweep deletes its files.
                await connection.execute(sa.delete(cells).where(cells.c.job_id == job.id))
                await connection.execute(sa.delete(fingerprints).where(fingerprints.c.job_id == job.id))
                await connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(frames_key=None))
            if job.state is JobState.REVIEW:
                await self._ledger.waive(connection, job.id, now)
            elif charge is None:
                await self._ledger.refund(connection, job.id, now)
            else:
                await self._ledger.settle(connection, closed, charge.pictures, charge.gpu_ms, now)
            if isinstance(error, ReplyGone):
                await connection.execute(sa.delete(outbox).where(outbox.c.job_id == job.id))
            else:
                await owe(connection, closed, OutboxKind.CLOSED, now, error_codec.pack(error))
            await _count(connection, closed.state)
        return closed

    async def share(self, job_id: str, share: Share | None) -> None:
        """Set who may make something of this job's pictures; None: whoever may of all its owner's."""
        async with self._database.write() as connection:
            await connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(share=share))

    async def reply_at(self, job_id: str, message_id: int) -> None:
        """Record the id of the job's reply message."""
        async with self._database.write() as connection:
            await connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(message_id=message_id))

    async def _move(self, job: Job, how: ReturningUpdate[Any], states: Collection[str], **values: Any) -> Job:
        async with self._database.write() as connection:
            return await _move(connection, job, how, states, **values)


async def _move(
    connection: AsyncConnection, job: Job, how: ReturningUpdate[Any], states: Iterable[str], **values: Any
) -> Job:
    """Change a job's state, only from `states` and only under the job's epoch. Raises `Fenced`."""
    known = {"job": job.id, "under": job.epoch, "states": [str(state) for state in states]}
    moved = await connection.execute(how, known | {f"to_{name}": value for name, value in values.items()})
    row = moved.mappings().one_or_none()
    if row is None:
        raise Fenced(job.id, job.epoch)
    return job_from(row)


async def _post(connection: AsyncConnection, job_id: str, cell: int | None, channel_id: int, message_id: int) -> None:
    shown = {"message_id": message_id, "job_id": job_id, "cell": cell, "channel_id": channel_id}
    await connection.execute(put(connection, posts), shown)


async def owe(connection: AsyncConnection, job: Job, kind: OutboxKind, now: datetime, error: str = "") -> None:
    """Put a delivery into the outbox, in place of one that is there."""
    owed = {"kind": kind.value, "epoch": job.epoch, "tries": 0, "due_at": now, "error": error, "why": ""}
    await connection.execute(put(connection, outbox), {"job_id": job.id, **owed})


async def _know_again(connection: AsyncConnection, job_id: str, taken: Iterable[str]) -> None:
    """Store the fingerprints of a job's cells, in their order; "" has none."""
    found = [(cell, Fingerprint.parse(said)) for cell, said in enumerate(taken) if said]
    rows = [
        {"job_id": job_id, "cell": cell, "bits": one.bits, **{f"band{n}": band for n, band in enumerate(one.bands)}}
        for cell, one in found
    ]
    if rows:
        await connection.execute(sa.insert(fingerprints), rows)


async def _count(connection: AsyncConnection, state: JobState) -> None:
    """Add a job to the count of its final state; last in a transaction, as all of them wait for this row."""
    await add(connection, outcomes, {"state": state.value}, {"jobs": 1})
