"""Results reach their reply in the end, whatever Discord says in between."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from bot.domain.courier import RetryPolicy
from bot.domain.model import JobState, Parcel
from bot.errors import DeliveryLater, StoreError
from tests.bot.domain.studios import House


async def tried(house: House, times: int) -> None:
    """Wait until a failed delivery was put off that often."""
    async with asyncio.timeout(60):
        while True:
            parcels = await house.outbox.due(house.clock().replace(year=2100))
            if parcels and parcels[0].tries == times:
                return
            await asyncio.sleep(0.001)


async def test_tried_again_with_growing_pauses(house: House) -> None:
    house.wall.troubles = [DeliveryLater(0.0, "503"), ConnectionResetError("reset")]
    job = await house.submit()
    (await house.engine.stream()).finish()
    await tried(house, 1)
    assert await house.outbox.due(house.clock()) == []
    house.clock.move(1.0)
    await tried(house, 2)
    house.clock.move(1.0)
    assert await house.outbox.due(house.clock()) == []
    house.clock.move(1.0)
    assert (await house.wait(job)).state is JobState.DELIVERED
    assert house.wall.delivered == [job.id]


async def test_retry_after_is_kept(house: House) -> None:
    house.wall.troubles = [DeliveryLater(60.0, "429")]
    job = await house.submit()
    (await house.engine.stream()).finish()
    await tried(house, 1)
    house.clock.move(59.0)
    assert await house.outbox.due(house.clock()) == []
    house.clock.move(1.0)
    assert (await house.wait(job)).state is JobState.DELIVERED


async def test_given_up_at_last_refunded_and_the_pictures_stay(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.wall.troubles = [DeliveryLater(0.0, "503")] * 4
    job = await house.submit()
    (await house.engine.stream()).finish()
    for times in (1, 2, 3):
        await tried(house, times)
        house.clock.move(300.0)
    done = await house.wait(job)
    assert done.state is JobState.FAILED
    assert "503" in done.error
    assert (await house.charged(job))[0] == "refunded"
    assert house.wall.messages[job.id] == "failed: InferenceFailed"
    assert len(house.files()) == 4
    assert "delivery given up" in caplog.text


async def test_one_stuck_reply_does_not_keep_others_waiting(house: House) -> None:
    deliver, stuck = house.wall.deliver, asyncio.Event()

    async def first_is_stuck(job: object, cells: object) -> int | None:
        if not stuck.is_set():
            stuck.set()
            await asyncio.Event().wait()
        return await deliver(job, cells)

    house.wall.deliver = first_is_stuck
    await house.submit()
    (await house.engine.stream(0)).finish()
    await stuck.wait()
    second = await house.submit()
    (await house.engine.stream(1)).finish()
    assert (await house.wait(second)).state is JobState.DELIVERED


async def test_a_database_that_fails_for_a_while_ends_no_delivery(house: House) -> None:
    due, failures = house.outbox.due, [StoreError("disk full"), StoreError("disk full")]

    async def fails_at_first(now: datetime) -> list[Parcel]:
        if failures:
            raise failures.pop()
        return await due(now)

    house.outbox.due = fails_at_first
    job = await house.submit()
    (await house.engine.stream()).finish()
    assert (await house.wait_while_time_passes(job)).state is JobState.DELIVERED
    assert failures == []


def test_pauses_double_up_to_a_limit() -> None:
    policy = RetryPolicy(jitter=lambda: 1.0)
    assert [policy.pause_s(tries) for tries in (0, 1, 2, 8, 9, 50)] == [1.0, 2.0, 4.0, 256.0, 300.0, 300.0]
    assert policy.pause_s(0, asked_s=7.5) == 7.5
    assert RetryPolicy(jitter=lambda: 0.0).pause_s(2) == 2.0
