"""A row that this version cannot read is set aside and named; everything else goes on."""

from __future__ import annotations

import logging

import pytest
import sqlalchemy as sa

from bot.domain.model import Job
from bot.errors import JobNotFound
from bot.store.database import Database
from bot.store.jobs.jobs import JobStore
from bot.store.jobs.outbox import OutboxStore
from bot.store.members.retention import Retention
from bot.store.pictures import PictureStore
from bot.store.schema import jobs, outbox
from tests.bot.store.asks import NOW, NoLedger, accept, ask, kept


async def spoil(database: Database, table: sa.Table, job: Job, **values: object) -> None:
    """Write what no version of today would write."""
    key = table.c.id if table is jobs else table.c.job_id
    async with database.write() as connection:
        await connection.execute(sa.update(table).where(key == job.id).values(values))


@pytest.mark.parametrize(
    "values",
    [
        {"spec": '{"verb": "hologram", "options": {"prompt": "x"}, "seed": 1}'},
        {"spec": "not json"},
        {"reply": "{}"},
        {"notes": 7},
    ],
    ids=["unknown verb", "no JSON", "no reply", "no list"],
)
async def test_one_unreadable_job_does_not_hide_the_others(
    database: Database, values: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    store = JobStore(database, NoLedger())
    first, bad, last = [await accept(store, ask()) for _ in range(3)]
    await spoil(database, jobs, bad, **values)
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            assert {job.id for job in await store.unfinished()} == {first.id, last.id}
    assert [record.__dict__["job"] for record in caplog.records] == [bad.id], "named once"
    assert {job.id for job in await store.active(guild_id=5)} == {first.id, last.id}
    assert {job.id for job in await store.recent(1, 9)} == {first.id, last.id}
    with pytest.raises(JobNotFound):
        await store.get(bad.id)
    assert list(database.unreadable.rows) == [("jobs", bad.id)]


async def test_one_unknown_parcel_does_not_stop_the_others(database: Database) -> None:
    store, owed = JobStore(database, NoLedger()), OutboxStore(database)
    made: list[Job] = []
    for _ in range(3):
        job = await store.claim(await accept(store))
        made.append(await store.keep(job, kept(job), NOW))
    await spoil(database, outbox, made[0], kind="hologram")
    await spoil(database, jobs, made[1], spec="not json")
    with pytest.raises(JobNotFound):
        await store.get(made[1].id)
    assert [entry.job_id for entry in (await owed.look(NOW, limit=1)).due] == [made[2].id]
    await owed.done((await owed.look(NOW)).due[0])
    assert await owed.look(NOW) == ([], None), "nobody is woken for what cannot be done"
    assert set(database.unreadable.rows) == {("outbox", made[0].id), ("jobs", made[1].id)}


async def test_a_member_is_erased_beside_an_unreadable_row(
    database: Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store, pictures = JobStore(database, NoLedger()), PictureStore.open(tmp_path_factory.mktemp("pictures"))
    await pictures.put("uploads/a.png", b"x")
    job = await accept(store, ask(spec_fields={"images": ("uploads/a.png",)}))
    await spoil(database, jobs, job, spec="not json")
    await Retention(database, pictures).erase_member(1)
    assert not await pictures.has("uploads/a.png")
