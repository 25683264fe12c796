"""The public surface: events in order, leaving early, limits, stopping; over a worker that needs no model."""

import asyncio
import gc
import json
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator

import psutil
import pytest

from engine import (
    AbortReason,
    Engine,
    EngineNotReady,
    Finished,
    ImageRequest,
    InvalidRequest,
    MemberQueueFull,
    Progress,
    Queued,
    QueueFull,
    RequestAborted,
    Started,
)
from engine.fair_share import FairShare
from tests.engine import scripted
from tests.engine.scripted import events_of, finished, request
from tests.patience import PATIENCE_S, until

LONG = {"steps": 2000, "step_s": 0.01}


@pytest.fixture(autouse=True)
def _importable():
    with scripted.importable_by_workers():
        yield


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with scripted.engine(max_lanes=2, max_running_per_member=2) as running:
        yield running


async def test_events_come_in_the_order_of_a_requests_life(engine: Engine) -> None:
    events = await events_of(engine, request(seed=7))
    kinds = [type(event) for event in events]
    assert kinds[0] is Queued and kinds[1] is Started and kinds[-1] is Finished
    assert set(kinds[2:-1]) == {Progress}
    steps = [event.step for event in events if isinstance(event, Progress)]
    assert steps == sorted(set(steps)) and events[-1].images[0].png == b"picture 7"
    assert events[-1].notes == ("as asked",)


async def test_an_invalid_request_is_refused_before_anything_is_queued() -> None:
    async with Engine(scripted.engine()._settings, entry="scripted_worker:main") as engine:
        with pytest.raises(InvalidRequest) as refused:
            engine.submit(ImageRequest(prompt="an apple", model="no-such-model"))
        assert refused.value.field == "model"
        assert engine.snapshot().waiting == {}


async def test_the_same_id_twice_is_refused(engine: Engine) -> None:
    stream = engine.submit(request(LONG, id="one"))
    with pytest.raises(InvalidRequest):
        engine.submit(request(LONG, id="one"))
    stream.cancel()


async def test_a_reused_id_does_not_hear_of_the_lane_left_before(engine: Engine) -> None:
    for _ in range(3):
        stream = engine.submit(request(LONG, id="again"))
        await until(lambda: "again" in engine.snapshot().running)
        stream.cancel()
    assert (await finished(engine, request({"steps": 2}, id="again", seed=4))).images[0].png == b"picture 4"


async def test_break_cancels(engine: Engine) -> None:
    async for event in engine.submit(request(LONG, id="left")):
        if isinstance(event, Progress):
            break
    del event
    await until(lambda: not engine.snapshot().running and not engine.snapshot().devices[0].running)


async def test_cancelling_the_task_cancels_the_request(engine: Engine) -> None:
    task = asyncio.create_task(events_of(engine, request(LONG)))
    await until(lambda: engine.snapshot().running)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not engine.snapshot().running
    await until(lambda: not engine.snapshot().devices[0].running)


async def test_a_stream_nobody_holds_is_cancelled(engine: Engine) -> None:
    engine.submit(request(LONG))
    gc.collect()
    await until(lambda: not engine.snapshot().running and not engine.snapshot().waiting)


async def test_cancel_gives_its_reason_to_whoever_listens(engine: Engine) -> None:
    stream = engine.submit(request(LONG))
    with pytest.raises(RequestAborted) as aborted:
        async for event in stream:
            if isinstance(event, Started):
                stream.cancel(AbortReason.MODERATOR)
    assert aborted.value.reason is AbortReason.MODERATOR
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_slow_reader_costs_no_memory_and_sees_the_newest(engine: Engine) -> None:
    stream = engine.submit(request({"steps": 20, "step_s": 0.0, "flood": 500}))
    assert isinstance(await anext(stream), Queued)
    await until(lambda: stream.request.id not in (*engine.snapshot().running, *engine.snapshot().waiting))
    assert [type(event) for event in [event async for event in stream]] == [Started, Finished]


async def test_waiting_requests_hear_their_place_and_why(engine: Engine) -> None:
    await finished(engine, request())
    streams = [engine.submit(request({"steps": 20}, member="a")) for _ in range(3)]
    other = engine.submit(request(member="b"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await anext(streams[2]) == Queued(1, pytest.approx(0.2, abs=0.2), "they asked less today")
    assert (await anext(other)).position == 0
    for stream in (*streams, other):
        stream.cancel()


async def test_one_member_may_not_fill_the_queue() -> None:
    async with scripted.engine(max_lanes=1, max_waiting=3, max_waiting_per_member=2) as engine:
        engine.pause()
        kept = [engine.submit(request(member="a")) for _ in range(2)]
        with pytest.raises(MemberQueueFull) as full:
            engine.submit(request(member="a"))
        assert (full.value.waiting, full.value.limit) == (2, 2)
        kept.append(engine.submit(request(member="b")))
        with pytest.raises(QueueFull):
            engine.submit(request(member="c"))
        engine.resume()
        for stream in kept:
            assert isinstance([event async for event in stream][-1], Finished)


async def test_at_most_so_many_requests_of_a_member_run() -> None:
    async with scripted.engine(max_lanes=4, max_running_per_member=1) as engine:
        streams = [engine.submit(request(LONG, member=member)) for member in "aab"]
        await until(lambda: len(engine.snapshot().running) == 2)
        assert {streams[0].request.id, streams[2].request.id} == set(engine.snapshot().running)
        for stream in streams:
            stream.cancel()


async def test_who_waits_for_the_engine_itself_hears_so() -> None:
    async with scripted.engine() as engine:
        stream = engine.submit(request())
        assert await anext(stream) == Queued(0, None, "the engine is starting")
        assert isinstance([event async for event in stream][-1], Finished)


async def test_pause_and_resume(engine: Engine) -> None:
    engine.pause()
    stream = engine.submit(request())
    assert (await anext(stream)).reason == "the host has paused the queue"
    waiting = engine.snapshot().waiting
    assert {request_id: place.reason for request_id, place in waiting.items()} == {
        stream.request.id: "the host has paused the queue"
    }
    engine.resume()
    assert isinstance([event async for event in stream][-1], Finished)


async def test_drain_finishes_what_there_is_and_refuses_more(engine: Engine) -> None:
    tasks = [asyncio.create_task(events_of(engine, request(member=str(number)))) for number in range(4)]
    await until(lambda: engine.snapshot().running)
    draining = asyncio.create_task(engine.drain())
    await asyncio.sleep(0)
    with pytest.raises(EngineNotReady) as refused:
        engine.submit(request())
    assert refused.value.state == "draining"
    await draining
    assert all(isinstance(task.result()[-1], Finished) for task in await _all(tasks))
    engine.resume()
    await finished(engine, request())


async def test_stop_finishes_running_requests_and_aborts_waiting_ones() -> None:
    engine = scripted.engine(max_lanes=1)
    await engine.start()
    running = asyncio.create_task(events_of(engine, request({"steps": 10})))
    await until(lambda: engine.snapshot().running)
    waiting = asyncio.create_task(events_of(engine, request()))
    await until(lambda: engine.snapshot().waiting)
    await engine.stop()
    assert isinstance((await running)[-1], Finished)
    with pytest.raises(RequestAborted) as aborted:
        await waiting
    assert aborted.value.reason is AbortReason.SHUTDOWN
    with pytest.raises(EngineNotReady):
        engine.submit(request())


async def test_stop_cancels_what_is_not_done_by_the_deadline() -> None:
    engine = scripted.engine(stop_timeout_s=0.1)
    await engine.start()
    endless = asyncio.create_task(events_of(engine, request(LONG)))
    await until(lambda: engine.snapshot().running)
    await engine.stop()
    with pytest.raises(RequestAborted) as aborted:
        await endless
    assert aborted.value.reason is AbortReason.SHUTDOWN


async def test_an_interrupted_stop_still_ends_every_request() -> None:
    engine = scripted.engine()
    await engine.start()
    endless = asyncio.create_task(events_of(engine, request(LONG)))
    await until(lambda: engine.snapshot().running)
    stopping = asyncio.create_task(engine.stop(timeout_s=PATIENCE_S))
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(RequestAborted):
        await endless
    with pytest.raises(asyncio.CancelledError):
        await stopping


async def test_a_start_that_is_interrupted_leaves_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, engine = threading.Event(), scripted.engine()
    others = set(psutil.Process().children(recursive=True))
    monkeypatch.setattr(scripted.Unchecked, "names", lambda _: (reading.set(), time.sleep(0.2), ())[-1])
    starting = asyncio.create_task(engine.start())
    await until(reading.is_set)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert engine.snapshot().devices == () and engine.snapshot().state == "stopped"
    assert set(psutil.Process().children(recursive=True)) <= others


async def test_an_engine_is_started_once_and_may_be_started_again(engine: Engine) -> None:
    with pytest.raises(EngineNotReady):
        await engine.start()
    await engine.stop()
    await engine.stop()
    await engine.start()
    await finished(engine, request())


async def test_equally_served_is_judged_by_finished_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    took, leave = list[float | None](), FairShare.leave
    monkeypatch.setattr(
        FairShare, "leave", lambda self, member, ms=None: (took.append(ms), leave(self, member, ms))[-1]
    )
    async with scripted.engine() as engine:
        await finished(engine, request({"steps": 3}))
    assert took == [pytest.approx(30.0)]


async def test_fair_share_survives_a_restart() -> None:
    async with scripted.engine() as first:
        await finished(first, request({"steps": 3}, member="a"))
        served = first.served()
    assert served == {"a": pytest.approx(30.0)}
    async with scripted.engine() as second:
        second.set_served(served)
        await finished(second, request({"steps": 1}, member="a"))
        assert second.served() == {"a": pytest.approx(40.0)}


async def test_estimates_come_from_what_was_measured(engine: Engine) -> None:
    asked = request({"steps": 3}, num_inference_steps=3, width=64, height=64)
    assert engine.estimate_ms(asked) is None
    await finished(engine, asked)
    assert engine.estimate_ms(asked) == pytest.approx(30.0)
    assert engine.estimate_ms(asked.model_copy(update={"num_images": 8})) == pytest.approx(60.0)


async def test_the_workers_environment_is_fast_and_holds_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "a.b.c")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("DARKROOM_DATABASE_URL", "postgresql://user:password@host/name")
    monkeypatch.setenv("HF_HOME", "somewhere")
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    async with scripted.engine(offline=True, threads=2) as engine:
        [image] = (await finished(engine, request({"steps": 1, "environment": True}))).images
    environment = json.loads(image.png)
    assert environment["HF_HOME"] == "somewhere" and environment["HF_HUB_OFFLINE"] == "1"
    assert environment["MALLOC_MMAP_MAX_"] == "0" and environment["GOMP_SPINCOUNT"] == "0"
    assert environment["OMP_NUM_THREADS"] == "2" and environment["TQDM_DISABLE"] == "1"
    assert not {"DISCORD_TOKEN", "HF_TOKEN", "DARKROOM_DATABASE_URL"} & environment.keys()


def test_importing_the_engine_loads_no_torch() -> None:
    code = "import sys, engine; sys.exit(bool({'torch', 'diffusers', 'transformers', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_public_names_are_those_that_are_there() -> None:
    import engine

    assert all(hasattr(engine, name) for name in engine.__all__)


async def _all(tasks: list[asyncio.Task]) -> list[asyncio.Task]:
    await asyncio.wait(tasks)
    return tasks
