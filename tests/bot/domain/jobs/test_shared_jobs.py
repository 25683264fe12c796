"""Two job services over one PostgreSQL: a job runs in the bot that has its server's shard, once, whoever is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.model import JobState
from bot.shards import HeldShards
from engine.events import Started
from tests.bot.domain.studios import OWNER, StoredStudio
from tests.bot.store.postgres import FreshPostgres
from tests.patience import until

pytestmark = pytest.mark.postgres


@pytest.fixture
async def bots(tmp_path: Path) -> AsyncIterator[tuple[StoredStudio, StoredStudio]]:
    """Two; the first has the shard of the server that is asked for."""
    async with FreshPostgres() as url:
        first, second = [await StoredStudio(tmp_path, url=url).open() for _ in range(2)]
        for bot, held in ((first, {0}), (second, {1})):
            bot.database.shards = HeldShards(2)
            bot.database.shards.ids = frozenset(held)
        yield first, second
        for bot in (first, second):
            await bot.close()


def give(bot: StoredStudio, *shards: int) -> None:
    assert bot.database.shards is not None
    bot.database.shards.ids = frozenset(shards)


async def test_a_job_moves_with_its_shard(bots: tuple[StoredStudio, StoredStudio]) -> None:
    first, second = bots
    job = await first.submit()
    stream = await first.engine.stream()
    stream.post(Started("cpu"))
    give(first)
    await first.job_service.release()
    assert first.job_service.running == ()
    assert (await first.jobs.get(job.id)).state is JobState.QUEUED
    give(second, 0, 1)
    for _ in range(2):
        await second.job_service.look()
    assert second.job_service.running == (job.id,)
    (await second.engine.stream()).post(Started("cpu"))
    (await second.engine.stream()).finish()
    done = await second.wait(job)
    assert (done.state, done.attempts, first.wall.delivered, second.wall.delivered) == (
        JobState.DELIVERED, 1, [], [job.id],
    )  # fmt: skip
    assert (await second.charged(job))[:2] == ("settled", 4)


async def test_a_job_accepted_elsewhere_runs_where_its_shard_is(bots: tuple[StoredStudio, StoredStudio]) -> None:
    first, second = bots
    job = await second.submit()
    assert (second.job_service.running, first.job_service.running) == ((), ())
    await second.job_service.look()
    await first.job_service.look()
    assert (second.job_service.running, first.job_service.running) == ((), (job.id,))


async def test_cancelled_by_another_bot_a_run_ends(bots: tuple[StoredStudio, StoredStudio]) -> None:
    first, second = bots
    job = await first.submit()
    stream = await first.engine.stream()
    stream.post(Started("cpu"))
    assert (await second.job_service.cancel(job.id, OWNER)).state is JobState.CANCELLED
    await first.job_service.look()
    await until(lambda: first.job_service.running == ())
    await until(lambda: first.wall.messages[job.id].startswith("cancelled"))
    assert job.id not in second.wall.messages
    assert set((await first.used()).values()) == {0}
