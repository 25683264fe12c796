"""Killed at every border of a job's life and started again: nothing lost, doubled, charged or pinged twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.domain.jobs.job_run import IN_TURN, MAX_ATTEMPTS, SUSPECT_ATTEMPTS
from bot.domain.model import Job, JobState
from bot.errors import ReplyGone
from engine.errors import OutOfMemory
from engine.events import Progress, Started
from tests.bot.domain.studios import OWNER, StoredStudio
from tests.bot.store.asks import ask
from tests.bot.store.postgres import FreshPostgres
from tests.patience import PATIENCE_S, until


class Border:
    """A place in the code where the process dies."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()

    def before(self, owner: object, name: str, *, calls: int = 1) -> None:
        self._set(owner, name, calls, runs=False)

    def after(self, owner: object, name: str, *, calls: int = 1) -> None:
        self._set(owner, name, calls, runs=True)

    def _set(self, owner: object, name: str, calls: int, *, runs: bool) -> None:
        real: Callable[..., Any] = getattr(owner, name)
        left = [calls]

        async def dies(*args: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] > 0:
                return await real(*args, **more)
            if runs:
                await real(*args, **more)
            self.reached.set()
            return await asyncio.Event().wait()

        setattr(owner, name, dies)


BORDERS: dict[str, Callable[[Border, StoredStudio], None]] = {
    "accepted": lambda border, house: border.before(house.jobs, "started"),
    "started": lambda border, house: border.after(house.jobs, "started"),
    "rendered, nothing written": lambda border, house: border.before(house.pictures, "put"),
    "half the pictures written": lambda border, house: border.after(house.pictures, "put", calls=2),
    "pictures written, no row": lambda border, house: border.before(house.jobs, "keep"),
    "rows written": lambda border, house: border.after(house.jobs, "keep"),
    "about to be shown": lambda border, house: border.before(house.wall, "deliver"),
    "shown, not noted": lambda border, house: border.before(house.jobs, "delivered"),
    "noted, not pinged": lambda border, house: border.before(house.wall, "notify"),
    "pinged": lambda border, house: border.after(house.wall, "notify"),
}
RENDERED_ALREADY = ("rows written", "about to be shown", "shown, not noted", "noted, not pinged", "pinged")


@pytest.mark.parametrize("name", BORDERS)
async def test_killed_at(name: str, house: StoredStudio) -> None:
    real = {"pictures": house.pictures.put, "deliver": house.wall.deliver, "notify": house.wall.notify}
    border = Border()
    BORDERS[name](border, house)
    house.engine.auto = True
    job = await house.submit(notify=True)
    async with asyncio.timeout(PATIENCE_S):
        await border.reached.wait()
    await house.crash()
    house.pictures.put, house.wall.deliver, house.wall.notify = real["pictures"], real["deliver"], real["notify"]
    house.auto = True
    await house.open()
    done = await house.wait(job)
    assert (done.state, done.reply.message_id) == (JobState.DELIVERED, 900)
    assert house.wall.messages[job.id] == "grid of 4"
    assert len(house.engine.streams) == (0 if name in RENDERED_ALREADY else 1)
    assert [cell.seed for cell in await house.jobs.cells(job.id)] == [7, 8, 9, 10]
    assert [await house.job_service.picture(job.id, cell) for cell in range(4)]
    assert await house.charged(job) == ("settled", 4, 800)
    assert await house.used() == {"pictures": 4, "GPU-seconds": 800}
    assert len(house.wall.notified) == (0 if name == "noted, not pinged" else 1)


async def test_asked_again_after_the_crash_it_is_still_one_job(house: StoredStudio) -> None:
    """Discord delivers an interaction again to the new process."""
    asked = ask()
    job = await house.job_service.submit(asked)
    await house.restart()
    with pytest.raises(Exception, match=job.id):
        await house.job_service.submit(asked)
    assert len(await house.jobs.unfinished()) == 1


async def test_a_failure_that_was_not_told_is_told(house: StoredStudio) -> None:
    border = Border()
    closed = house.wall.closed
    border.before(house.wall, "closed")
    job = await house.submit()
    (await house.engine.stream()).post(OutOfMemory("ask for fewer"))
    async with asyncio.timeout(PATIENCE_S):
        await border.reached.wait()
    house.wall.closed = closed
    await house.restart()
    await house.wait(job)
    assert house.wall.messages[job.id] == "failed: OutOfMemory"
    assert (await house.charged(job))[0] == "refunded"
    assert house.engine.streams == []


async def test_a_reply_deleted_while_away_is_refunded(house: StoredStudio) -> None:
    border = Border()
    border.after(house.jobs, "keep")
    house.engine.auto = True
    job = await house.submit()
    async with asyncio.timeout(PATIENCE_S):
        await border.reached.wait()
    house.wall.troubles = [ReplyGone(job.id)]
    await house.restart()
    done = await house.wait(job)
    assert done.state is JobState.CANCELLED
    assert await house.charged(job) == ("refunded", 4, 800)
    assert await house.used() == {"pictures": 0, "GPU-seconds": 0}


async def test_what_an_orphan_still_brings_is_refused(house: StoredStudio) -> None:
    """The old process was frozen, not dead: it thaws after the new one has taken the job over."""
    job = await house.submit()
    orphan, stream = house.job_service, await house.engine.stream()
    old_database = house.database
    await house.open()
    (await house.engine.stream()).post(Started("cpu"))
    stream.finish(gpu_ms=5000.0)
    await until(lambda: not orphan.running)
    assert house.wall.delivered == []
    (await house.engine.stream()).finish()
    assert (await house.wait(job)).gpu_ms == 800.0
    assert house.wall.delivered == [job.id]
    assert len(house.files()) == 4
    await orphan.stop(0.0)
    await old_database.close()


async def test_a_job_that_kills_the_bot_each_time_is_given_up(house: StoredStudio) -> None:
    job = await house.submit()
    for _ in range(MAX_ATTEMPTS):
        (await house.engine.stream()).post(Started("cpu"))
        await house.reaches(job, JobState.RUNNING)
        await house.restart()
    done = await house.wait(job)
    assert (done.state, done.attempts) == (JobState.FAILED, MAX_ATTEMPTS)
    assert (await house.charged(job))[0] == "refunded"


async def two_suspects(house: StoredStudio) -> tuple[Job, Job]:
    """Two jobs, the older one first, that ran together whenever the bot was ended."""
    first = await house.submit()
    house.clock.move(1.0)
    second = await house.submit()
    for attempts in range(1, SUSPECT_ATTEMPTS + 1):
        for index in range(2):
            (await house.engine.stream(index)).post(Started("cpu"))
        for job in (first, second):
            await house.reaches(job, JobState.RUNNING, attempts=attempts)
        await house.restart()
    return first, second


async def test_what_was_interrupted_twice_runs_one_at_a_time(house: StoredStudio) -> None:
    """Whoever ended the bot again is known by that, and the others are not given up with it."""
    first, second = await two_suspects(house)
    (await house.engine.stream()).post(Started("cpu"))
    await house.reaches(first, JobState.RUNNING, attempts=SUSPECT_ATTEMPTS + 1)
    await until(lambda: any(job == second.id and event == IN_TURN for job, event in house.wall.shown))
    await house.restart()
    for index in range(2):
        (await house.engine.stream(index)).finish()
    done = [await house.wait(job) for job in (second, first)]
    assert [(job.state, job.attempts) for job in done] == [(JobState.DELIVERED, 2), (JobState.DELIVERED, 3)]


async def test_one_that_waits_for_its_turn_can_be_stopped(house: StoredStudio) -> None:
    first, second = await two_suspects(house)
    (await house.engine.stream()).post(Started("cpu"))
    await until(lambda: any(job == second.id and event == IN_TURN for job, event in house.wall.shown))
    await house.job_service.cancel(second.id, OWNER)
    assert (await house.wait(second)).state is JobState.CANCELLED
    assert house.job_service.running == (first.id,)
    assert (await house.charged(second))[0] == "refunded"


async def test_a_clean_stop_parks_and_goes_on(house: StoredStudio) -> None:
    running, waiting = await house.submit(), await house.submit()
    (await house.engine.stream()).post(Started("cpu"))
    await house.reaches(running, JobState.RUNNING)
    await house.job_service.stop(0.0)
    assert [(job.state, job.attempts) for job in await house.jobs.unfinished()] == [(JobState.QUEUED, 0)] * 2
    house.auto = True
    await house.restart()
    for job in (running, waiting):
        assert (await house.wait(job)).state is JobState.DELIVERED


async def test_a_stop_lets_running_jobs_finish(house: StoredStudio) -> None:
    job = await house.submit()
    stream = await house.engine.stream()
    stream.post(Started("cpu"))
    await house.reaches(job, JobState.RUNNING)
    stopping = asyncio.create_task(house.job_service.stop(PATIENCE_S))
    await asyncio.sleep(0.01)
    stream.finish()
    await stopping
    assert (await house.jobs.get(job.id)).state in (JobState.RENDERED, JobState.DELIVERED)


async def test_fair_share_goes_on_where_it_was(house: StoredStudio) -> None:
    job = await house.submit()
    (await house.engine.stream()).finish(gpu_ms=1234.0)
    await house.wait(job)
    await house.restart()
    assert (house.engine.served, house.engine.weights) == ({"1": 1234.0}, {"1": 1.0})
    house.clock.move(25 * 3600)
    await house.restart()
    assert house.engine.served == {}


async def test_fair_share_remembers_what_cancelled_jobs_took(house: StoredStudio) -> None:
    job = await house.submit()
    stream = await house.engine.stream()
    stream.post(Started("cpu"))
    stream.step(3, 700.0)
    await until(lambda: any(isinstance(event, Progress) for _, event in house.wall.shown))
    await house.job_service.cancel(job.id, OWNER)
    await house.restart()
    assert house.engine.served == {"1": 700.0}
    house.clock.move(25 * 3600)
    await house.restart()
    assert house.engine.served == {}


async def test_fair_share_goes_on_by_the_weights_jobs_had(house: StoredStudio) -> None:
    for number, (weight, gpu_ms) in enumerate(((1.0, 300.0), (3.0, 900.0))):
        house.rules.share = weight
        job = await house.submit()
        (await house.engine.stream(number)).finish(gpu_ms=gpu_ms)
        await house.wait(job)
    await house.restart()
    assert (house.engine.served, house.engine.weights) == ({"1": 1200.0}, {"1": 2.0})


async def test_a_cancel_survives(house: StoredStudio) -> None:
    job = await house.submit()
    await house.engine.stream()
    await house.job_service.cancel(job.id, OWNER)
    house.auto = True
    await house.restart()
    assert (await house.wait(job)).state is JobState.CANCELLED
    assert house.engine.streams == []


@pytest.mark.postgres
async def test_the_same_on_postgresql(tmp_path: Path) -> None:
    async with FreshPostgres() as url:
        house = await StoredStudio(tmp_path, url=url).open()
        border = Border()
        border.after(house.jobs, "keep")
        house.engine.auto = True
        kept, parked = await house.submit(notify=True), await house.submit()
        async with asyncio.timeout(PATIENCE_S):
            await border.reached.wait()
        house.auto = True
        await house.restart()
        for job in (kept, parked):
            assert (await house.wait(job)).state is JobState.DELIVERED
            assert await house.charged(job) == ("settled", 4, 800)
        assert sorted(house.wall.delivered) == sorted([kept.id, parked.id])
        assert house.wall.notified == [kept.id]
        await house.close()
