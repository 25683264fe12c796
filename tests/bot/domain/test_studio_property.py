"""Whatever happens in whatever order: every job ends, every reply says so, and the books equal the delivered work."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.model import Job, JobState
from bot.errors import DeliveryLater, TooManyJobs
from engine.errors import OutOfMemory
from engine.events import Started
from tests.bot.domain.studios import OWNER, StoredStudio

ACTS = ("submit", "submit", "start", "step", "finish", "finish", "fail", "cancel", "gone", "trouble", "wait", "crash")


async def act(house: StoredStudio, jobs: list[Job], name: str, pick: int) -> None:
    stream = house.engine.streams[pick % len(house.engine.streams)] if house.engine.streams else None
    match name:
        case "submit":
            try:
                jobs.append(await house.submit(spec_fields={"count": 1 + pick % 4}))
            except TooManyJobs:
                assert len(jobs) >= 10
        case "start" if stream:
            stream.post(Started("cpu"))
        case "step" if stream:
            stream.step(1, 50.0 + pick)
        case "finish" if stream:
            stream.finish(gpu_ms=100.0 + pick)
        case "fail" if stream:
            stream.post(OutOfMemory("less"))
        case "cancel" if jobs:
            await house.job_service.cancel(jobs[pick % len(jobs)].id, OWNER)
        case "gone" if jobs:
            await house.job_service.gone(jobs[pick % len(jobs)].id)
        case "trouble":
            house.wall.troubles.append(DeliveryLater(0.0, "503"))
        case "wait":
            await asyncio.sleep(0.02)
        case "crash":
            await house.restart()
        case _:
            pass


async def live(folder: Path, acts: list[tuple[str, int]]) -> None:
    house, jobs = await StoredStudio(folder).open(), list[Job]()
    for name, pick in acts:
        await act(house, jobs, name, pick)
    house.auto = True
    await house.restart()
    pictures = milliseconds = 0
    for asked in jobs:
        job = await house.wait_while_time_passes(asked)
        state, charged, gpu_ms = await house.charged(job)
        match job.state:
            case JobState.DELIVERED:
                assert (state, charged) == ("settled", job.spec.count)
                assert house.wall.messages[job.id] == f"grid of {job.spec.count}"
                assert len(await house.jobs.cells(job.id)) == job.spec.count
            case JobState.FAILED:
                assert state == "refunded"
                assert house.wall.messages[job.id].startswith("failed")
            case JobState.CANCELLED:
                assert (state, charged) == ("settled", 0) or state == "refunded"
            case _:
                raise AssertionError(job.state)
        if state == "settled":
            pictures, milliseconds = pictures + charged, milliseconds + gpu_ms
    used = await house.used() if jobs else {}
    assert (used.get("pictures", 0), used.get("GPU-seconds", 0)) == (pictures, milliseconds)
    assert await house.outbox.look(house.clock()) == ([], None)
    await house.close()


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 50)), min_size=4, max_size=20))
def test_the_books_equal_the_delivered_work(acts: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live(Path(folder), acts))
