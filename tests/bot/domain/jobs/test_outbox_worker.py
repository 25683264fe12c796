"""Results reach their reply in the end, whatever Discord says in between."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.domain.jobs.retry_policy import RetryPolicy
from bot.domain.model import JobState
from bot.domain.ports.outbox import Look
from bot.errors import DeliveryError, DeliveryLater, StoreError
from tests.bot.domain.studios import StoredStudio
from tests.patience import until


async def tried(house: StoredStudio, times: int) -> None:
    """Wait until a failed delivery was put off that often."""
    async with asyncio.timeout(60):
        while True:
            entries = (await house.outbox.look(house.clock().replace(year=2100))).due
            if entries and entries[0].tries == times:
                return
            await asyncio.sleep(0.001)


async def test_tried_again_with_growing_pauses(house: StoredStudio) -> None:
    house.wall.troubles = [DeliveryLater(0.0, "503"), ConnectionResetError("reset")]
    job = await house.submit()
    (await house.engine.stream()).finish()
    await tried(house, 1)
    assert (await house.outbox.look(house.clock())).due == []
    house.clock.move(1.0)
    await tried(house, 2)
    house.clock.move(1.0)
    assert (await house.outbox.look(house.clock())).due == []
    house.clock.move(1.0)
    assert (await house.wait(job)).state is JobState.DELIVERED
    assert house.wall.delivered == [job.id]


async def test_retry_after_is_kept(house: StoredStudio) -> None:
    house.wall.troubles = [DeliveryLater(60.0, "429")]
    job = await house.submit()
    (await house.engine.stream()).finish()
    await tried(house, 1)
    house.clock.move(59.0)
    assert (await house.outbox.look(house.clock())).due == []
    house.clock.move(1.0)
    assert (await house.wait(job)).state is JobState.DELIVERED


async def test_given_up_at_last_refunded_and_the_pictures_stay(
    house: StoredStudio, caplog: pytest.LogCaptureFixture
) -> None:
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


async def test_a_result_discord_refuses_is_told_and_refunded(house: StoredStudio) -> None:
    house.wall.troubles = [DeliveryError("400/50035")]
    job = await house.submit()
    (await house.engine.stream()).finish()
    done = await house.wait(job)
    assert done.state is JobState.FAILED
    assert (await house.charged(job))[0] == "refunded"
    assert house.wall.messages[job.id] == "failed: InferenceFailed"


async def test_one_stuck_reply_does_not_keep_others_waiting(house: StoredStudio) -> None:
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


async def test_a_database_that_fails_for_a_while_ends_no_delivery(house: StoredStudio) -> None:
    look, failures = house.outbox.look, [StoreError("disk full"), StoreError("disk full")]

    async def fails_at_first(now: datetime, **which: Any) -> Look:
        if failures:
            raise failures.pop()
        return await look(now, **which)

    house.outbox.look = fails_at_first
    job = await house.submit()
    (await house.engine.stream()).finish()
    assert (await house.wait_while_time_passes(job)).state is JobState.DELIVERED
    assert failures == []


def test_pauses_double_up_to_a_limit() -> None:
    policy = RetryPolicy(jitter=lambda: 1.0)
    assert [policy.pause_s(tries) for tries in (0, 1, 2, 8, 9, 50)] == [1.0, 2.0, 4.0, 256.0, 300.0, 300.0]
    assert policy.pause_s(0, asked_s=7.5) == 7.5
    assert RetryPolicy(jitter=lambda: 0.0).pause_s(2) == 2.0


def test_nobody_can_ask_for_a_pause_without_end() -> None:
    assert RetryPolicy().pause_s(0, asked_s=1e12) == RetryPolicy().pause_s(0, asked_s=float("inf")) == 3600.0


def test_discord_may_be_away_for_a_night() -> None:
    policy = RetryPolicy(jitter=lambda: 0.0)
    assert sum(policy.pause_s(tries) for tries in range(policy.max_later)) > 12 * 3600


async def test_what_nobody_expected_is_given_up_sooner(house: StoredStudio, caplog: pytest.LogCaptureFixture) -> None:
    house.wall.troubles = [ConnectionResetError("reset")] * 3
    job = await house.submit()
    (await house.engine.stream()).finish()
    assert (await house.wait_while_time_passes(job)).state is JobState.FAILED
    assert "delivery given up" in caplog.text


async def test_a_read_only_database_makes_no_storm_of_edits(house: StoredStudio) -> None:
    job = await house.submit()
    delivered, later = house.jobs.delivered, house.outbox.later

    async def disk_full(*_: object) -> Any:
        raise StoreError("disk full")

    house.jobs.delivered = house.outbox.later = disk_full
    (await house.engine.stream()).finish()
    await until(lambda: house.wall.delivered)
    for _ in range(200):
        await asyncio.sleep(0.001)
    assert house.wall.delivered == [job.id]
    house.jobs.delivered, house.outbox.later = delivered, later
    assert (await house.wait_while_time_passes(job)).state is JobState.DELIVERED


async def test_stuck_replies_neither_stop_others_nor_spin_the_loop(house: StoredStudio) -> None:
    deliver, look, open_ = house.wall.deliver, house.outbox.look, asyncio.Event()
    looks = 0

    async def counted(now: datetime, **which: Any) -> Look:
        nonlocal looks
        looks += 1
        return await look(now, **which)

    async def stuck(job: object, cells: object) -> int | None:
        await open_.wait()
        return await deliver(job, cells)

    house.wall.deliver, house.outbox.look = stuck, counted
    house.engine.auto = True
    jobs = [await house.submit(member=100 + n) for n in range(100)]
    for job in jobs:
        await house.reaches(job, JobState.RENDERED)
    looks = 0
    for _ in range(100):
        await asyncio.sleep(0.001)
    assert looks < 5
    open_.set()
    for job in jobs:
        assert (await house.wait(job)).state is JobState.DELIVERED


async def test_a_clock_that_was_set_back_keeps_nobody_waiting(house: StoredStudio) -> None:
    house.wall.troubles = [DeliveryLater(0.0, "503")]
    job = await house.submit()
    (await house.engine.stream()).finish()
    await tried(house, 1)
    house.clock.now -= timedelta(days=1)
    another = await house.submit()
    (await house.engine.stream(1)).finish()
    for one in (job, another):
        assert (await house.wait(one)).state is JobState.DELIVERED
