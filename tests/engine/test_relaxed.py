"""Relaxed requests run when nobody else is there, never in the way of others, and on an account of their own."""

from __future__ import annotations

import pytest

from engine.events import Finished, Queued
from engine.fair_share import Claim, FairShare
from tests.engine import fake_worker_engine
from tests.engine.fake_worker_engine import events_of, finished, request
from tests.patience import until

LONG = {"steps": 1000, "step_s": 0.01}


@pytest.fixture(autouse=True)
def _importable():
    with fake_worker_engine.importable_by_workers():
        yield


def test_a_relaxed_claim_is_last_however_long_it_waits() -> None:
    share = FairShare(ageing_s=1.0)
    for member in ("a", "a relaxed", "b"):
        share.join(member)
    share.charge("b", 50_000.0, 0.0)
    relaxed = Claim("r", "a relaxed", arrived_s=0.0, first_preview=True, relaxed=True)
    others = [Claim("x", "a", arrived_s=99.0), Claim("y", "b", arrived_s=99.0)]
    for now_s in (100.0, 10_000.0):
        assert share.take_turn([relaxed, *others], now_s)[-1] is relaxed
    ranks = share.ranks([relaxed, others[0]], 100.0)
    assert "relaxed" in share.why_first(others[0], relaxed, ranks)


async def test_a_relaxed_request_waits_until_nobody_else_is_there() -> None:
    async with fake_worker_engine.engine(max_lanes=4) as engine:
        busy = engine.submit(request(LONG, member="a"))
        await until(lambda: busy.request.id in engine.snapshot().running)
        relaxed = engine.submit(request(member="a", relax=True))
        place = await anext(relaxed)
        assert isinstance(place, Queued) and "relaxed" in place.reason
        assert isinstance((await events_of(engine, request(member="b")))[-1], Finished)
        assert relaxed.request.id in engine.snapshot().waiting
        busy.cancel()
        assert isinstance([event async for event in relaxed][-1], Finished)


async def test_a_relaxed_request_that_runs_keeps_no_lane_from_others() -> None:
    async with fake_worker_engine.engine(max_lanes=2) as engine:
        relaxed = [engine.submit(request(LONG, member=member, relax=True)) for member in "abc"]
        await until(lambda: len(engine.snapshot().running) == 1)
        assert isinstance((await events_of(engine, request(member="a")))[-1], Finished)
        assert len(engine.snapshot().running) == 1
        for stream in relaxed:
            stream.cancel()


async def test_relaxed_work_does_not_count_for_its_member() -> None:
    async with fake_worker_engine.engine() as engine:
        await finished(engine, request({"steps": 3}, member="a", relax=True))
        assert "a" not in engine.served()
