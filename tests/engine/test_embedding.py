"""Texts become directions of meaning in a worker; whoever asks always gets an answer."""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures import Future

import pytest

from engine import EngineNotReady
from engine.embedding import embed
from engine.messages import Embed
from tests.engine import scripted
from tests.engine.scripted import until


@pytest.fixture(autouse=True)
def _importable():
    with scripted.importable_by_workers():
        yield


async def ready(engine) -> None:
    await until(lambda: engine.snapshot().devices[0].state == "ready")


async def test_each_text_gets_its_own_vector_and_questions_do_not_mix():
    async with scripted.engine() as engine:
        await ready(engine)
        first, second = await asyncio.gather(engine.embed(["a", "four"]), engine.embed(["sixsix"]))
    assert first == ((1.0,), (4.0,)) and second == ((6.0,),)


async def test_asking_before_a_worker_is_up_waits_for_it():
    async with scripted.engine() as engine:
        assert await engine.embed(["a"]) == ((1.0,),)


async def test_a_worker_that_dies_owes_no_answer_and_patience_ends(monkeypatch):
    monkeypatch.setattr("engine.fleet.EMBED_PATIENCE_S", 1.0)
    async with scripted.engine() as engine:
        await ready(engine)
        asking = asyncio.create_task(engine.embed(["silence"]))
        await asyncio.sleep(0)
        os.kill(engine.snapshot().devices[0].pid, signal.SIGKILL)
        with pytest.raises(EngineNotReady):
            await asking


async def test_nobody_is_left_waiting_when_the_engine_stops():
    async with scripted.engine() as engine:
        await ready(engine)
        asking = asyncio.create_task(engine.embed(["silence"]))
        await asyncio.sleep(0)
    with pytest.raises(EngineNotReady):
        await asking


def test_a_text_encoder_that_cannot_be_loaded_says_so():
    prepared: Future[None] = Future()
    prepared.set_exception(OSError("no weights"))
    answer = embed(Embed(3, ("a",)), prepared)
    assert answer.number == 3 and answer.vectors == () and "no weights" in str(answer.error)
