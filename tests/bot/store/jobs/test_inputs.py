"""What each job was made from: through whichever input, for jobs of earlier versions, and past deleted ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.domain.model import CellRef, Job, JobSpec, KeptStyle, Options, Verb
from bot.store.database import Database
from bot.store.jobs.jobs import JobStore
from bot.store.jobs.quarantines import Quarantines
from bot.store.members.retention import Retention
from bot.store.pictures import PictureStore
from bot.store.schema import jobs
from bot.store.schema_consent import inputs
from tests.bot.store.asks import NOW, NoLedger, accept, ask, kept


def spec(**more: Any) -> JobSpec:
    return JobSpec(verb=Verb.IMAGINE, options=more.pop("options", Options(prompt="x")), seed=1, **more)


def cell(job: Job) -> CellRef:
    return CellRef(job_id=job.id, cell=0)


def styled(*origins: str) -> Options:
    style = KeptStyle(owner_id=1, pictures=(("uploads/s.png", 1.0),), origins=origins)
    return Options(prompt="x", style="fog", kept_style=style)


async def drawn(store: JobStore, made: JobSpec) -> Job:
    job = await store.claim(await accept(store, ask(spec=made)))
    return await store.delivered(await store.keep(job, kept(job), NOW), None, NOW)


async def rows(database: Database) -> set[tuple[str, str, bool]]:
    async with database.read() as connection:
        return {tuple(row) for row in await connection.execute(sa.select(inputs))}


async def test_every_way_is_written_down_once(database: Database) -> None:
    store = JobStore(database, NoLedger())
    root, other = [await drawn(store, spec()) for _ in range(2)]
    ways = {
        "source": spec(source=cell(root)),
        "upload": spec(origin=cell(root), also=(cell(root), cell(other))),
        "style": spec(options=styled(root.id, other.id)),
        "words": spec(parent_id=root.id),
        "again": spec(parent_id=root.id, source=cell(other)),
    }
    made = {way: (await drawn(store, one)).id for way, one in ways.items()}
    assert await rows(database) == {
        (made["source"], root.id, True),
        (made["upload"], root.id, True), (made["upload"], other.id, True),
        (made["style"], root.id, True), (made["style"], other.id, True),
        (made["words"], root.id, False),
        (made["again"], other.id, True), (made["again"], root.id, False),
    }  # fmt: skip


async def test_the_migration_finds_those_of_earlier_jobs(url: str) -> None:
    database = await Database.open(url)
    store = JobStore(database, NoLedger())
    root = await drawn(store, spec())
    for one in (
        spec(source=cell(root)), spec(also=(cell(root),)), spec(options=styled(root.id)), spec(origin=cell(root)),
        spec(parent_id=root.id), spec(options=Options(prompt='"also":[{"job_id": 7}]')),
    ):  # fmt: skip
        await drawn(store, one)
    broken = await drawn(store, spec(source=cell(root)))
    before = await rows(database)
    async with database.write() as connection:
        await connection.execute(sa.update(jobs).where(jobs.c.id == broken.id).values(spec='{"verb": "of 2031"'))
        await connection.execute(sa.text("DROP TABLE inputs"))
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '0015'"))
    await database.close()
    migrated = await Database.open(url)
    assert await rows(migrated) == before and len(before) == 6, "the broken one's by its parent"
    await migrated.close()


@pytest.mark.parametrize("together", [True, False])
async def test_what_lies_behind_deleted_ones_stays_known(database: Database, tmp_path: Path, together: bool) -> None:
    store = JobStore(database, NoLedger())
    root = await drawn(store, spec())
    first = await drawn(store, spec(also=(cell(root),)))
    second = await drawn(store, spec(source=cell(first)))
    last = [await drawn(store, spec(source=cell(second))), await drawn(store, spec(parent_id=second.id))]
    of_words = await drawn(store, spec(parent_id=root.id))
    both = await drawn(store, spec(source=cell(second), parent_id=root.id))
    retention = Retention(database, PictureStore.open(tmp_path / "pictures"))
    for ids in ([first.id, second.id],) if together else ([second.id], [first.id]):
        await retention._delete(ids)
    hidden = await Quarantines(database).hide(root.id, NOW)
    assert {job.id for job in hidden} == {root.id, both.id, *(job.id for job in last)}
    assert (of_words.id, root.id, False) in await rows(database) and (both.id, root.id, True) in await rows(database)
    await retention._delete([root.id, both.id, of_words.id])
    assert {job_id for job_id, _, _ in await rows(database)} == {job.id for job in last}
