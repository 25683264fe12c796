"""A job's life in the studio: what is shown, kept, charged and refused."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.model import Job, JobSpec, JobState, Options, Verb, Verdict
from bot.domain.ports import PutOff
from bot.domain.prompting.derivation import derive
from bot.errors import (
    AlreadyAsked,
    BadPicture,
    CellNotFound,
    DiskFull,
    JobNotFound,
    NotPermitted,
    OwnersOnly,
    PromptRejected,
    Restarting,
    StoreError,
)
from bot.store.jobs.outbox import OutboxStore
from engine.errors import AbortReason, EngineNotReady, MemberQueueFull, OutOfMemory, RequestAborted
from engine.events import GeneratedImage, Preview, Progress, Queued, Safety, Started
from engine.requests import ImageToImage
from tests.bot.domain.scripted import PNG, finished
from tests.bot.domain.studios import MODERATOR, OWNER, STRANGER, StoredStudio
from tests.bot.store.asks import ask
from tests.patience import PATIENCE_S, until


async def test_from_wish_to_grid(house: StoredStudio) -> None:
    job = await house.submit(prompt="a red fox")
    stream = await house.engine.stream()
    assert (stream.request.prompt, stream.request.seed, stream.request.num_images) == ("a red fox", 7, 4)
    assert (stream.request.member, stream.request.model) == ("1", "pocket")
    stream.post(Started("cpu"))
    stream.step(3, 300.0)
    stream.finish(gpu_ms=812.5, frames=(b"one", b"two"))
    done = await house.wait(job)
    assert (done.state, done.gpu_ms, done.reply.message_id) == (JobState.DELIVERED, 812.5, 900)
    assert [type(event) for _, event in house.wall.shown] == [Queued, Started, Progress]
    assert house.wall.messages[job.id] == "grid of 4"
    assert await house.job_service.picture(job.id, 2) == PNG + b"9"
    assert await house.job_service.frames(job.id) == [b"one", b"two"]
    assert await house.charged(job) == ("settled", 4, 813)
    assert await house.used() == {"pictures": 4, "GPU-seconds": 813}
    assert house.estimates.learnt == [812.5]
    assert house.wall.notified == []


async def test_an_estimate_that_cannot_be_learnt_holds_nobody_up(
    house: StoredStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = OutboxStore(house.database)

    async def is_under_way() -> bool:
        return (await house.jobs.get(job.id)).state is not JobState.DELIVERED or await outbox.owes(job.id)

    async def late(*_: object) -> None:
        # Everything else is over: whoever waits has looked for the last time, unless they are told.
        while await is_under_way():  # noqa: ASYNC110 - it is a database
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.2)
        raise StoreError("for a test")

    monkeypatch.setattr(house.estimates, "learn", late)
    job = await house.submit()
    waiting = asyncio.ensure_future(house.wait(job))
    (await house.engine.stream()).finish()
    assert (await waiting).state is JobState.DELIVERED


async def test_pictures_lie_on_the_disk_before_they_are_shown(house: StoredStudio) -> None:
    job = await house.submit()
    (await house.engine.stream()).finish()
    seen: list[object] = []

    async def look(_job: object, cells: list[object]) -> int:
        seen.append((len(cells), len(house.files()), (await house.jobs.get(job.id)).state))
        return 900

    house.wall.deliver = look
    await house.wait(job)
    assert seen == [(4, 4, JobState.RENDERED)]


async def test_a_refused_wish_leaves_nothing_behind(house: StoredStudio) -> None:
    house.rules.refusal = PromptRejected("words")
    with pytest.raises(PromptRejected):
        await house.submit()
    assert await house.jobs.unfinished() == []
    assert await house.used() == {}
    assert house.engine.streams == []


async def test_rules_see_what_will_really_run(house: StoredStudio) -> None:
    await house.submit(prompt="x", spec=JobSpec(verb=Verb.IMAGINE, options=Options(prompt="x", aspect=(3, 2)), seed=1))
    [seen] = house.rules.checked
    assert (seen.spec.options.model, seen.spec.options.steps, seen.spec.width) == ("pocket", 10, 64)


async def test_the_same_interaction_twice_is_one_job(house: StoredStudio) -> None:
    asked = ask()
    job = await house.job_service.submit(asked)
    with pytest.raises(AlreadyAsked) as again:
        await house.job_service.submit(asked)
    assert again.value.job_id == job.id
    assert (await house.used())["pictures"] == 4


async def test_a_failure_is_told_and_refunded(house: StoredStudio) -> None:
    job = await house.submit()
    stream = await house.engine.stream()
    stream.step(5, 400.0)
    stream.post(OutOfMemory("ask for fewer"))
    done = await house.wait(job)
    assert done.state is JobState.FAILED
    assert "ask for fewer" in done.error
    assert house.wall.messages[job.id] == "failed: OutOfMemory"
    assert await house.charged(job) == ("refunded", 0, 0)
    assert await house.used() == {"pictures": 0, "GPU-seconds": 0}


async def test_a_bug_ends_one_job_loudly_and_refunded(house: StoredStudio, caplog: pytest.LogCaptureFixture) -> None:
    job = await house.submit()
    other = await house.submit()
    (await house.engine.stream()).post(ZeroDivisionError())
    done = await house.wait(job)
    assert done.state is JobState.FAILED
    assert (await house.charged(job))[0] == "refunded"
    assert "ZeroDivisionError" in caplog.text
    (await house.engine.stream(1)).finish()
    assert (await house.wait(other)).state is JobState.DELIVERED


Stored = Callable[..., Awaitable[Job]]


def failing(store: Stored, failures: Sequence[StoreError]) -> Stored:
    """`store`, after it has failed with each of these."""
    left = list(failures)

    async def fails_at_first(*arguments: Any) -> Job:
        if left:
            raise left.pop()
        return await store(*arguments)

    return fails_at_first


async def test_a_database_that_fails_for_a_while_costs_a_delay(house: StoredStudio) -> None:
    house.jobs.keep = failing(house.jobs.keep, [StoreError("disk full")] * 2)
    house.engine.auto = True
    done = await house.wait_while_time_passes(await house.submit())
    assert (done.state, done.epoch) == (JobState.DELIVERED, 2)
    assert await house.charged(done) == ("settled", 4, 800)
    assert len(house.engine.streams) == 1, "what was made is not made again"


async def test_a_full_disk_is_told_and_logged_once(house: StoredStudio, caplog: pytest.LogCaptureFixture) -> None:
    house.jobs.keep = failing(house.jobs.keep, [DiskFull("the database")] * 3)
    house.engine.auto = True
    done = await house.wait_while_time_passes(await house.submit())
    assert done.state is JobState.DELIVERED and house.wall.messages[done.id] == "grid of 4"
    assert [event for _, event in house.wall.shown if isinstance(event, PutOff)] == [PutOff(is_full=True)] * 3
    [said] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "no space left" in said.getMessage() and said.exc_info is None


async def test_a_bug_on_a_full_disk_is_told_when_there_is_room(house: StoredStudio) -> None:
    house.jobs.close = failing(house.jobs.close, [DiskFull("the database")] * 2)
    job = await house.submit()
    (await house.engine.stream()).post(ZeroDivisionError())
    assert (await house.wait_while_time_passes(job)).state is JobState.FAILED
    assert house.wall.messages[job.id] == "failed: InferenceFailed"
    assert (await house.charged(job))[0] == "refunded"


async def test_a_job_that_is_put_off_does_not_hold_up_the_stop(house: StoredStudio) -> None:
    async def fails(*_: object) -> Job:
        raise DiskFull("the database")

    house.jobs.keep = fails
    job = await house.submit()
    stream = await house.engine.stream()
    stream.post(Started("cpu"))
    stream.finish()
    await until(lambda: any(isinstance(event, PutOff) for _, event in house.wall.shown))
    async with asyncio.timeout(PATIENCE_S):
        await house.job_service.stop(10 * PATIENCE_S)
    assert (await house.jobs.get(job.id)).state in {JobState.QUEUED, JobState.RUNNING}


async def test_a_disk_that_stays_full_for_hours_costs_a_delay(house: StoredStudio) -> None:
    blocked, job = house.folder / "pictures" / "jobs", await house.submit()
    blocked.write_text("not a folder")
    (await house.engine.stream()).finish()
    await until(lambda: len([s for s in house.clock.slept if s > 1]) > 8 or house.clock.move(30.0))
    assert (await house.jobs.get(job.id)).state is JobState.QUEUED
    blocked.unlink()
    assert (await house.wait_while_time_passes(job)).state is JobState.DELIVERED
    assert len(house.engine.streams) == 1
    assert await house.charged(job) == ("settled", 4, 800)


async def test_a_store_that_fails_does_not_hold_up_the_stop(house: StoredStudio) -> None:
    tries = 0

    async def fails(*_: object) -> Job:
        nonlocal tries
        tries += 1
        raise StoreError("disk full")

    house.jobs.started = house.jobs.claim = fails
    job = await house.submit()
    (await house.engine.stream()).post(Started("cpu"))
    await until(lambda: tries)
    await house.job_service.stop(0.2)
    assert tries < 4
    assert (await house.jobs.get(job.id)).state is JobState.QUEUED


async def test_cancelled_before_the_first_step_is_free(house: StoredStudio) -> None:
    job = await house.submit()
    stream = await house.engine.stream()
    stream.post(Started("cpu"))
    done = await house.job_service.cancel(job.id, OWNER)
    assert done.state is JobState.CANCELLED
    done = await house.wait(job)
    assert house.wall.messages[job.id] == "cancelled: RequestAborted"
    assert await house.charged(job) == ("refunded", 0, 0)
    assert stream.closed
    assert await house.job_service.cancel(job.id, OWNER) == done


async def test_cancelled_later_costs_what_was_measured(house: StoredStudio) -> None:
    job = await house.submit()
    stream = await house.engine.stream()
    stream.post(Started("cpu"))
    stream.step(4, 321.0)
    await until(lambda: any(isinstance(event, Progress) for _, event in house.wall.shown))
    await house.job_service.cancel(job.id, MODERATOR)
    done = await house.wait(job)
    assert (done.state, done.gpu_ms) == (JobState.CANCELLED, 321.0)
    assert await house.charged(job) == ("settled", 0, 321)
    assert await house.used() == {"pictures": 0, "GPU-seconds": 321}


async def test_cancelled_after_a_preview_the_part_drawn_counts(house: StoredStudio) -> None:
    """Whoever looked at previews and stopped each before its end drew without limit."""
    total = 0
    for number, (step, drawn) in enumerate(((3, 3), (1, 1), (4, 4))):
        job, total = await house.submit(), total + drawn
        stream = await house.engine.stream(number)
        stream.gpu_ms = 100.0
        stream.post(Started("cpu"), Progress(step, 4, Preview(PNG, 8, 8)))
        shown = (job.id, Progress(step, 4, Preview(PNG, 8, 8)))
        await until(lambda shown=shown: shown in house.wall.shown)
        await house.job_service.cancel(job.id, OWNER)
        await house.wait(job)
        assert await house.charged(job) == ("settled", drawn, 100)
        assert (await house.used())["pictures"] == total


async def test_only_the_owner_and_moderators_cancel(house: StoredStudio) -> None:
    job = await house.submit()
    with pytest.raises(OwnersOnly):
        await house.job_service.cancel(job.id, STRANGER)
    with pytest.raises(JobNotFound):
        await house.job_service.cancel("nothing", OWNER)
    assert (await house.jobs.get(job.id)).state is not JobState.CANCELLED


async def test_finished_just_before_the_cancel(house: StoredStudio) -> None:
    """The pictures win: they are kept, shown and paid."""
    job = await house.submit()
    (await house.engine.stream()).finish()
    await house.wait(job)
    assert (await house.job_service.cancel(job.id, OWNER)).state is JobState.DELIVERED
    assert await house.charged(job) == ("settled", 4, 800)


async def test_finished_just_after_the_cancel(house: StoredStudio) -> None:
    """The cancel wins: nothing is shown, and the files of the refused run are removed."""
    job = await house.submit()
    stream = await house.engine.stream()
    put = house.pictures.put

    async def cancel_then_put(key: str, content: bytes) -> None:
        await house.job_service.cancel(job.id, OWNER)
        await put(key, content)

    house.pictures.put = cancel_then_put
    stream.finish()
    assert (await house.wait(job)).state is JobState.CANCELLED
    assert house.wall.delivered == []
    assert house.files() == []
    assert await house.charged(job) == ("refunded", 0, 0)


async def test_a_deleted_reply_ends_the_job_quietly(house: StoredStudio) -> None:
    job = await house.submit()
    await house.engine.stream()
    await house.job_service.gone(job.id)
    done = await house.wait(job)
    assert done.state is JobState.CANCELLED
    assert not await house.outbox.owes(job.id)
    assert (await house.charged(job))[0] == "refunded"


async def test_a_full_engine_is_asked_again(house: StoredStudio) -> None:
    house.engine.refusals = [MemberQueueFull(3, 3, retry_after_s=20.0), EngineNotReady("starting")]
    job = await house.submit()
    await until(lambda: 20.0 in house.clock.slept)
    assert (await house.jobs.get(job.id)).state is JobState.QUEUED
    [(_, told)] = house.wall.shown
    assert isinstance(told, Queued)
    assert "3 of 3" in told.reason
    house.clock.move(20.0)
    await until(lambda: 2.0 in house.clock.slept)
    house.clock.move(5.0)
    (await house.engine.stream()).finish()
    assert (await house.wait(job)).state is JobState.DELIVERED


async def test_cancelled_while_the_engine_takes_nothing(house: StoredStudio) -> None:
    house.engine.refusals = [EngineNotReady("draining")] * 3
    job = await house.submit()
    await until(lambda: len(house.engine.refusals) < 3)
    await house.job_service.cancel(job.id, OWNER)
    assert (await house.wait(job)).state is JobState.CANCELLED
    assert house.engine.streams == []


async def test_flagged_pictures_wait_for_a_moderator(house: StoredStudio) -> None:
    house.rules.word = Verdict.REVIEW
    job = await house.submit()
    (await house.engine.stream()).finish(safety=Safety(None, "model missing"))
    assert (await house.wait(job)).state is JobState.REVIEW
    assert house.wall.messages[job.id] == "review"
    [cell, *_] = await house.jobs.cells(job.id)
    assert (cell.unsafe_score, cell.check_error) == (None, "model missing")
    with pytest.raises(NotPermitted):
        await house.job_service.reviews.approve(job.id, OWNER)
    await house.job_service.reviews.approve(job.id, MODERATOR)
    assert (await house.wait(job)).state is JobState.DELIVERED
    assert house.wall.messages[job.id] == "grid of 4"
    assert (await house.job_service.reviews.reject(job.id, MODERATOR)).state is JobState.DELIVERED


@pytest.mark.parametrize("decisions", [("approve", "approve"), ("reject", "reject"), ("approve", "reject")])
async def test_two_moderators_at_the_same_moment_decide_once(house: StoredStudio, decisions: tuple[str, str]) -> None:
    house.rules.word = Verdict.REVIEW
    job = await house.submit()
    (await house.engine.stream()).finish()
    await house.wait(job)
    reviews = house.job_service.reviews
    one, other = await asyncio.gather(*(getattr(reviews, decide)(job.id, MODERATOR) for decide in decisions))
    assert (one.state is other.state) or {one.state, other.state} == {JobState.RENDERED, JobState.DELIVERED}
    done = await house.wait(job)
    pictures = {JobState.DELIVERED: 4, JobState.FAILED: 0}
    assert await house.charged(job) == ("settled", pictures[done.state], 800)
    assert await house.used() == {"pictures": pictures[done.state], "GPU-seconds": 800}


async def test_a_rejected_picture_costs_its_time_and_is_told(house: StoredStudio) -> None:
    house.rules.word = Verdict.REVIEW
    job = await house.submit()
    (await house.engine.stream()).finish()
    await house.wait(job)
    await house.job_service.reviews.reject(job.id, MODERATOR)
    done = await house.wait(job)
    assert done.state is JobState.FAILED
    assert house.wall.messages[job.id] == "failed: PictureBlocked"
    assert await house.used() == {"pictures": 0, "GPU-seconds": 800}


async def test_a_blocked_picture_is_not_kept_and_costs_its_time(house: StoredStudio) -> None:
    house.rules.word = Verdict.BLOCK
    job = await house.submit()
    (await house.engine.stream()).finish()
    assert (await house.wait(job)).state is JobState.FAILED
    assert house.files() == []
    assert await house.charged(job) == ("settled", 0, 800)


async def test_a_spoiler_is_delivered_as_one(house: StoredStudio) -> None:
    house.rules.word = Verdict.SPOILER
    job = await house.submit()
    (await house.engine.stream()).finish()
    done = await house.wait(job)
    assert (done.state, done.spoiler) == (JobState.DELIVERED, True)


async def test_a_variation_starts_from_the_kept_cell(house: StoredStudio) -> None:
    parent = await house.submit()
    (await house.engine.stream()).finish()
    parent = await house.wait(parent)
    child = await house.submit(spec=derive(parent, Verb.VARY_STRONG, 2, seed=99))
    stream = await house.engine.stream(1)
    assert isinstance(stream.request, ImageToImage)
    assert (stream.request.image, stream.request.strength, stream.request.seed) == (PNG + b"9", 0.7, 99)
    assert (child.parent_id, child.parent_cell) == (parent.id, 2)
    assert [found.id for found in await house.jobs.children(parent.id)] == [child.id]


async def test_a_source_that_is_no_longer_kept_is_refused_free(house: StoredStudio) -> None:
    parent = await house.submit()
    (await house.engine.stream()).finish()
    parent = await house.wait(parent)
    for cell in await house.jobs.cells(parent.id):
        await house.pictures.delete(cell.key)
    with pytest.raises(BadPicture):
        await house.submit(spec=derive(parent, Verb.VARY_SUBTLE, 0, seed=1))
    with pytest.raises(CellNotFound):
        await house.job_service.picture(parent.id, 0)
    with pytest.raises(CellNotFound):
        await house.job_service.picture(parent.id, 7)
    assert (await house.used())["pictures"] == 4


async def test_captions_are_delivered_without_pictures(house: StoredStudio) -> None:
    await house.pictures.put("uploads/a.png", PNG)
    spec = JobSpec(verb=Verb.DESCRIBE, options=Options(prompt=""), seed=1, images=("uploads/a.png",))
    job = await house.submit(spec=spec)
    stream = await house.engine.stream()
    stream.post(replace(finished(stream.request), images=(), captions=("a fox", "a dog")))
    done = await house.wait(job)
    assert (done.state, done.captions) == (JobState.DELIVERED, ("a fox", "a dog"))
    assert (await house.charged(job))[:2] == ("settled", 0), "words are no pictures"


async def test_latents_are_kept_beside_the_picture(house: StoredStudio) -> None:
    job = await house.submit(spec_fields={"count": 1})
    image = GeneratedImage(PNG, 64, 64, 7, latents=b"latents")
    stream = await house.engine.stream()
    stream.post(replace(finished(stream.request), images=(image,)))
    await house.wait(job)
    [cell] = await house.jobs.cells(job.id)
    assert cell.latents_key is not None
    assert await house.pictures.get(cell.latents_key) == b"latents"


async def test_nothing_is_taken_while_stopping(house: StoredStudio) -> None:
    await house.job_service.stop(0.0)
    with pytest.raises(Restarting):
        await house.submit()


async def test_a_ping_comes_once_and_only_when_asked_for(house: StoredStudio) -> None:
    job = await house.submit(notify=True)
    (await house.engine.stream()).finish()
    await house.wait(job)
    assert house.wall.notified == [job.id]


async def test_an_engine_that_shuts_down_parks_the_job(house: StoredStudio) -> None:
    job = await house.submit()
    stream = await house.engine.stream()
    stream.post(Started("cpu"), RequestAborted(AbortReason.SHUTDOWN))
    await until(lambda: stream.closed)
    await house.reaches(job, JobState.QUEUED)
    assert (await house.charged(job))[0] == "held"


async def test_an_accept_cut_off_at_its_commit_is_run(house: StoredStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    accept, committed = house.jobs.accept, asyncio.Event()

    async def cut_off(*arguments: Any, **more: Any) -> Job:
        job = await accept(*arguments, **more)
        committed.set()
        await asyncio.sleep(0)
        return job

    monkeypatch.setattr(house.jobs, "accept", cut_off)
    asking = asyncio.ensure_future(house.submit())
    await committed.wait()
    asking.cancel()
    await asyncio.wait({asking})
    assert asking.cancelled()
    [job] = await house.jobs.unfinished()
    (await house.engine.stream()).finish()
    assert (await house.wait(job)).state is JobState.DELIVERED


async def test_a_refusal_nobody_waits_for_is_no_error(
    house: StoredStudio, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begun = asyncio.Event()

    async def refuse(*_: Any, **__: Any) -> Job:
        begun.set()
        await asyncio.sleep(0)
        raise PromptRejected("words")

    monkeypatch.setattr(house.jobs, "accept", refuse)
    asking = asyncio.ensure_future(house.submit())
    await begun.wait()
    asking.cancel()
    await asyncio.wait({asking})
    await asyncio.sleep(0)
    gc.collect()
    assert caplog.records == []


async def test_an_upload_deleted_before_the_accept_is_kept(
    house: StoredStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, key = house.jobs.accept, "uploads/a.png"

    async def too_late(*arguments: Any, **more: Any) -> Job:
        await house.pictures.delete(key)  # the last other job that named it has just gone
        return await accept(*arguments, **more)

    monkeypatch.setattr(house.jobs, "accept", too_late)
    await house.pictures.put(key, PNG)
    await house.submit(spec_fields={"images": (key,)})
    assert await house.pictures.get(key) == PNG
