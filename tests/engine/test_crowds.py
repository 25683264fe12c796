"""Many at once, many leaving at once, engines side by side: nobody is lost and nothing is left over."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Iterator

import pytest

from engine.engine import Engine
from engine.errors import EngineNotReady, RequestAborted
from engine.events import Event, Finished
from tests.engine import scripted
from tests.engine.scripted import finished, request
from tests.patience import until

CROWD = 200


@pytest.fixture(autouse=True)
def importable() -> Iterator[None]:
    with scripted.importable_by_workers():
        yield


async def ask(engine: Engine, number: int, patience: int | None) -> Event | None:
    """The last event; None for whoever leaves after `patience` events."""
    heard = 0
    async with engine.submit(request(seed=number, member=f"member {number % 40}")) as events:
        async for event in events:
            heard += 1
            if isinstance(event, Finished):
                return event
            if heard == patience:
                return None
    raise AssertionError("a stream ended without a last word")


async def test_two_hundred_ask_at_once_and_half_of_them_leave() -> None:
    draw = random.Random(3)
    patience = [draw.choice((None, 1, 2, 3)) if number % 2 else None for number in range(CROWD)]
    async with scripted.engine(max_waiting=CROWD) as engine:
        last = await asyncio.gather(*(ask(engine, number, patience[number]) for number in range(CROWD)))
        for number, event in enumerate(last):
            if patience[number] is None:
                assert isinstance(event, Finished)
                assert event.images[0].png == f"picture {number}".encode()
        await engine.drain()
        await until(lambda: not engine.snapshot().devices[0].running)
        assert not engine.snapshot().waiting and not engine.snapshot().running


async def test_a_worker_killed_among_cancels_loses_nobody_who_stayed() -> None:
    async with scripted.engine(max_waiting=CROWD, max_attempts=100) as engine:
        await finished(engine, request())
        staying = [asyncio.create_task(ask(engine, number, None)) for number in range(40)]
        for number in range(40, 120):
            await ask(engine, number, 1)
            if number % 20 == 0 and (pid := engine.snapshot().devices[0].pid):
                with contextlib.suppress(ProcessLookupError):  # the last one killed is not missed yet
                    os.kill(pid, signal.SIGKILL)
        assert all(isinstance(event, Finished) for event in await asyncio.gather(*staying))
        await until(lambda: not engine.snapshot().devices[0].running)


async def test_engines_side_by_side_have_nothing_to_do_with_each_other() -> None:
    async with scripted.engine() as one, scripted.engine() as other:
        await asyncio.gather(finished(one, request()), finished(other, request()))
        pids = [engine.snapshot().devices[0].pid for engine in (one, other)]
        assert pids[0] is not None and pids[0] != pids[1]
        os.kill(pids[0], signal.SIGKILL)
        await until(lambda: one.snapshot().devices[0].pid not in (None, pids[0]))
        await asyncio.gather(finished(one, request()), finished(other, request()))
        assert other.snapshot().devices[0].pid == pids[1]
        await one.stop()
        await finished(other, request())


async def test_nothing_is_taken_before_the_start_or_after_the_stop() -> None:
    engine = scripted.engine()
    with pytest.raises(EngineNotReady):
        engine.submit(request())
    await engine.start()
    stream = engine.submit(request({"steps": 1000}))
    await anext(stream)
    await engine.stop(timeout_s=0.0)
    with pytest.raises(EngineNotReady):
        engine.submit(request())
    with pytest.raises(RequestAborted):
        async for _ in stream:
            pass
    await engine.stop()
