"""A job's life in the database, step by step."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.domain.jobs.error_codec import unpack
from bot.domain.model import JobState, OutboxKind
from bot.errors import AlreadyAsked, Fenced, JobNotFound, ReplyGone, TooManyJobs
from bot.store.database import Database
from bot.store.jobs.admission import AdmissionLimits
from bot.store.jobs.jobs import JobStore
from bot.store.jobs.outbox import OutboxStore
from bot.store.schema import jobs
from engine.errors import AbortReason, OutOfMemory, QueueFull, RequestAborted
from tests.bot.store.asks import NOW, NoLedger, accept, ask, kept


@pytest.fixture
def store(database: Database) -> JobStore:
    return JobStore(database, NoLedger(), limits=AdmissionLimits(3, 5))


async def test_a_job_comes_back_as_it_was_asked(store: JobStore) -> None:
    asked = ask("a red fox, 赤い狐 🦊", notify=True)
    job = await accept(store, asked)
    assert await store.get(job.id) == job
    assert (job.spec, job.reply, job.member_id, job.notify) == (asked.spec, asked.reply, 1, True)
    assert job.created_at == NOW
    assert job.state is JobState.QUEUED


async def test_what_a_newer_version_wrote_besides_is_left_out(store: JobStore, database: Database) -> None:
    job = await accept(store)
    async with database.write() as connection:
        for column in (jobs.c.reply, jobs.c.spec):
            newer = sa.func.replace(column, "{", '{"newer": {"than": 1}, ')
            await connection.execute(sa.update(jobs).values({column: newer}))
    assert await store.get(job.id) == job
    assert await store.unfinished() == [job]


async def test_the_whole_way(store: JobStore, database: Database) -> None:
    box = OutboxStore(database)
    job = await store.claim(await accept(store))
    job = await store.started(job, NOW)
    assert (job.state, job.epoch, job.attempts) == (JobState.RUNNING, 1, 1)
    await store.reply_at(job.id, 77)
    job = await store.keep(job, kept(job, notes=("size snapped",)), NOW)
    assert (job.state, job.gpu_ms, job.notes) == (JobState.RENDERED, 900.0, ("size snapped",))
    assert [cell.cell for cell in await store.cells(job.id)] == [0, 1, 2, 3]
    [entry] = (await box.look(NOW)).due
    assert (entry.job_id, entry.kind) == (job.id, OutboxKind.RESULT)
    assert [found.id for found in await store.unfinished()] == [job.id]
    job = await store.delivered(job, None, NOW)
    assert (job.state, job.finished_at, job.reply.message_id) == (JobState.DELIVERED, NOW, 77)
    assert (await box.look(NOW)).due == []
    assert await store.unfinished() == []
    assert await store.at_message(77) == (job, None)


async def test_an_older_epoch_is_refused_everywhere(store: JobStore) -> None:
    old = await store.claim(await accept(store))
    await store.claim(old)
    for write in (
        store.claim(old),
        store.started(old, NOW),
        store.park(old),
        store.keep(old, kept(old), NOW),
        store.close(old, JobState.FAILED, OutOfMemory("less"), NOW),
    ):
        with pytest.raises(Fenced):
            await write
    assert await store.cells(old.id) == []


async def test_what_is_over_stays_over(store: JobStore) -> None:
    job = await store.claim(await accept(store))
    job = await store.close(job, JobState.CANCELLED, RequestAborted(AbortReason.USER_REQUEST), NOW)
    for write in (store.claim(job), store.keep(job, kept(job), NOW), store.delivered(job, 1, NOW)):
        with pytest.raises(Fenced):
            await write
    assert (await store.get(job.id)).state is JobState.CANCELLED


async def test_the_same_interaction_makes_one_job(store: JobStore) -> None:
    asked = ask()
    job = await accept(store, asked)
    with pytest.raises(AlreadyAsked) as twice:
        await accept(store, asked)
    assert twice.value.job_id == job.id
    second = await accept(store, asked.model_copy(update={"index": 1}))
    assert second.id != job.id


async def test_a_member_has_a_limited_number_of_live_jobs(store: JobStore) -> None:
    jobs = [await accept(store) for _ in range(3)]
    with pytest.raises(TooManyJobs) as refused:
        await accept(store)
    assert (refused.value.waiting, refused.value.limit) == (3, 3)
    await accept(store, ask(member=2))
    running = await store.claim(jobs[0])
    await store.keep(running, kept(running), NOW)
    await accept(store)


async def test_the_house_has_a_limited_number_of_live_jobs(store: JobStore) -> None:
    for member in range(5):
        await accept(store, ask(member=member))
    with pytest.raises(QueueFull):
        await accept(store, ask(member=9))


async def test_a_parked_run_is_no_attempt(store: JobStore) -> None:
    job = await store.started(await store.claim(await accept(store)), NOW)
    job = await store.park(job)
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)
    assert (await store.park(job)).attempts == 0


async def test_a_failure_is_owed_to_the_reply_with_its_data(store: JobStore, database: Database) -> None:
    job = await store.claim(await accept(store))
    await store.close(job, JobState.FAILED, OutOfMemory("ask for a smaller picture"), NOW)
    [entry] = (await OutboxStore(database).look(NOW)).due
    error = unpack(entry.error)
    assert isinstance(error, OutOfMemory)
    assert error.advice == "ask for a smaller picture"


async def test_nothing_is_owed_to_a_reply_that_is_gone(store: JobStore, database: Database) -> None:
    job = await store.claim(await accept(store))
    job = await store.keep(job, kept(job), NOW)
    await store.close(job, JobState.CANCELLED, ReplyGone(job.id), NOW)
    assert await OutboxStore(database).look(NOW) == ([], None)


async def test_a_reviewed_job_is_shown_only_when_approved(store: JobStore, database: Database) -> None:
    box = OutboxStore(database)
    job = await store.claim(await accept(store))
    job = await store.keep(job, kept(job, state=JobState.REVIEW), NOW)
    [entry] = (await box.look(NOW)).due
    assert entry.kind is OutboxKind.REVIEW
    await box.done(entry)
    with pytest.raises(Fenced):
        await store.delivered(job, 1, NOW)
    job = await store.approve(job, NOW)
    assert [entry.kind for entry in (await box.look(NOW)).due] == [OutboxKind.RESULT]
    assert (await store.delivered(job, 1, NOW)).state is JobState.DELIVERED


async def test_a_delivery_put_off_is_due_later(store: JobStore, database: Database) -> None:
    box = OutboxStore(database)
    job = await store.claim(await accept(store))
    await store.keep(job, kept(job), NOW)
    [entry] = (await box.look(NOW)).due
    later = NOW + timedelta(seconds=30)
    await box.later(entry, later, "503")
    assert await box.look(NOW) == ([], later)
    [again] = (await box.look(later)).due
    assert again.tries == 1


async def test_further_messages_lead_to_their_job_and_cell(store: JobStore) -> None:
    job = await accept(store)
    await store.posted(job.id, 2, 10, 500)
    assert await store.at_message(500) == (job, 2)
    with pytest.raises(JobNotFound):
        await store.at_message(501)
    with pytest.raises(JobNotFound):
        await store.get("nothing")
