"""Preferences, favourites and timings in the database."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.domain.model import CellRef, Preferences
from bot.domain.quotas.cost_estimates import CostClass
from bot.errors import CellNotFound
from bot.store.database import Database
from bot.store.jobs.jobs import JobStore
from bot.store.jobs.timings import TimingStore
from bot.store.members.members import MemberStore
from bot.store.schema import members
from tests.bot.store.asks import NOW, NoLedger, accept, kept


@pytest.fixture
def store(database: Database) -> MemberStore:
    return MemberStore(database, lambda: NOW)


async def test_preferences_are_the_defaults_until_they_are_set(store: MemberStore, database: Database) -> None:
    assert await store.preferences(1) == Preferences()
    mine = Preferences(model="sdxl", aspect=(3, 2), suffix="--steps 20", remix=True, notify=True, share="me")
    await store.prefer(1, mine)
    assert await store.preferences(1) == mine
    await accept(JobStore(database, NoLedger()))
    assert await store.preferences(1) == mine
    assert await store.preferences(2) == Preferences()


@pytest.mark.parametrize(("stored", "expected"), [
    ('{"remix": true, "gone": 1}', Preferences(remix=True)),
    ('{"share": "nobody"}', Preferences()),
])  # fmt: skip
async def test_settings_of_another_version_do_no_harm(
    store: MemberStore, database: Database, stored: str, expected: Preferences
) -> None:
    async with database.write() as connection:
        row = {"member_id": 1, "settings": stored}
        await connection.execute(sa.insert(members).values(row))
    assert await store.preferences(1) == expected


async def test_favourites_are_kept_newest_first(database: Database) -> None:
    times = iter(NOW + timedelta(seconds=seconds) for seconds in range(9))
    store, jobs = MemberStore(database, lambda: next(times)), JobStore(database, NoLedger())
    job = await jobs.claim(await accept(jobs))
    await jobs.keep(job, kept(job), NOW)
    for cell in (2, 0, 2):
        await store.favour(1, CellRef(job_id=job.id, cell=cell))
    await store.favour(9, CellRef(job_id=job.id, cell=1))
    assert [marked.cell for marked in await store.favourites(1, 10)] == [0, 2]
    assert [marked.cell for marked in await store.favourites(1, 1)] == [0]
    await store.unfavour(1, CellRef(job_id=job.id, cell=0))
    assert [marked.cell for marked in await store.favourites(1, 10)] == [2]
    with pytest.raises(CellNotFound):
        await store.favour(1, CellRef(job_id=job.id, cell=4))


async def test_timings_are_means_by_kind_of_work(database: Database) -> None:
    store = TimingStore(database, lambda: NOW)
    cost_class = CostClass("pocket", "text_to_image", 36, 20)
    await store.learn(cost_class, 100.0)
    await store.learn(cost_class, 200.0)
    await store.learn(CostClass("other", "text_to_image", 36, 20), 7.0)
    [timing] = await store.of_model("pocket")
    assert (timing.cost_class, timing.ms_per_image, timing.samples) == (cost_class, 150.0, 2)
