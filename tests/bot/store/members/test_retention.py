"""What is deleted goes with all its files, and nothing else goes."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.domain.model import CellRef, Job, JobSpec, JobState, Options, Preferences, Verb
from bot.domain.prompting.derivation import derive
from bot.errors import JobNotFound
from bot.store.database import Database
from bot.store.jobs.admission import Room
from bot.store.jobs.jobs import JobStore
from bot.store.members.members import MemberStore
from bot.store.members.personal_data import PersonalData
from bot.store.members.retention import Retention
from bot.store.pictures import PictureStore
from bot.store.schema import metadata, uploads
from engine.errors import OutOfMemory
from tests.bot.store.asks import NOW, NoLedger, accept, ask, kept

DAY = timedelta(days=1)


class Shelf:
    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.pictures = PictureStore.open(folder)
        self.jobs = JobStore(database, NoLedger(), room=Room(99))
        self.retention = Retention(database, self.pictures)

    async def delivered(self, *, age: timedelta = timedelta(), **asked: object) -> Job:
        job = await self.jobs.claim(await accept(self.jobs, ask(**asked), NOW - age))
        made = kept(job, 2, frames_key=f"jobs/{job.id}/frames.zip")
        cells = (made.cells[0].model_copy(update={"latents_key": f"jobs/{job.id}/0.safetensors"}), made.cells[1])
        for key in (cells[0].key, cells[1].key, cells[0].latents_key, made.frames_key):
            assert key is not None
            await self.pictures.put(key, b"x")
        job = await self.jobs.keep(job, made.model_copy(update={"cells": cells}), NOW - age)
        return await self.jobs.delivered(job, None, NOW - age)

    def files(self) -> int:
        return sum(path.is_file() for path in self.folder.rglob("*"))

    async def rows(self) -> dict[str, int]:
        async with self.database.read() as connection:
            counts = {
                table.name: await connection.scalar(sa.select(sa.func.count()).select_from(table))
                for table in metadata.sorted_tables
            }
        return {name: count for name, count in counts.items() if count}


@pytest.fixture
def shelf(database: Database, tmp_path: Path) -> Shelf:
    return Shelf(database, tmp_path / "pictures")


async def test_old_jobs_of_one_server_go_with_their_files(shelf: Shelf) -> None:
    old = await shelf.delivered(age=31 * DAY)
    new = await shelf.delivered(age=29 * DAY)
    assert await shelf.retention.purge(NOW - 30 * DAY, guild_id=5) == 1
    assert await shelf.retention.purge(NOW - 30 * DAY, guild_id=6) == 0
    assert await shelf.retention.purge(NOW - 30 * DAY, guild_id=None) == 0
    with pytest.raises(JobNotFound):
        await shelf.jobs.get(old.id)
    assert (await shelf.jobs.get(new.id)).state is JobState.DELIVERED
    assert shelf.files() == 4


async def test_more_than_one_batch(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.store.members.retention._BATCH", 2)
    for _ in range(5):
        await shelf.delivered(age=31 * DAY)
    assert await shelf.retention.purge(NOW - DAY, guild_id=5) == 5
    assert shelf.files() == 0


async def test_jobs_that_are_not_over_stay(shelf: Shelf) -> None:
    job = await accept(shelf.jobs, ask(), NOW - 99 * DAY)
    assert await shelf.retention.purge(NOW, guild_id=5) == 0
    assert await shelf.retention.delete_job(job.id) is False
    assert await shelf.retention.erase_member(1) == 0
    assert (await shelf.jobs.get(job.id)).state is JobState.QUEUED


async def test_an_upload_goes_with_the_last_job_that_needs_it(shelf: Shelf) -> None:
    await shelf.pictures.put("uploads/a.png", b"x")
    spec = JobSpec(verb=Verb.IMAGINE, options=Options(prompt="x"), seed=1, images=("uploads/a.png",))
    first = await shelf.delivered(spec=spec)
    second = await shelf.delivered(spec=derive(first, Verb.REROLL, seed=2))
    assert await shelf.retention.delete_job(first.id)
    assert await shelf.pictures.get("uploads/a.png") == b"x"
    assert (await shelf.jobs.get(second.id)).parent_id == first.id
    assert await shelf.retention.delete_job(second.id)
    assert shelf.files() == 0


async def test_pictures_dropped_the_row_stays(shelf: Shelf) -> None:
    job = await shelf.delivered()
    await MemberStore(shelf.database, lambda: NOW).favour(2, CellRef(job_id=job.id, cell=0))
    await shelf.retention.drop_pictures(job.id)
    assert shelf.files() == 0
    assert await shelf.jobs.cells(job.id) == []
    assert (await shelf.jobs.get(job.id)).frames_key is None
    assert await MemberStore(shelf.database, lambda: NOW).favourites(2, 9) == []


async def test_a_member_is_erased_and_others_stay(shelf: Shelf) -> None:
    members = MemberStore(shelf.database, lambda: NOW)
    mine, theirs = await shelf.delivered(member=1), await shelf.delivered(member=2)
    await members.prefer(1, Preferences(remix=True))
    await members.favour(1, CellRef(job_id=theirs.id, cell=0))
    await members.favour(2, CellRef(job_id=mine.id, cell=0))
    assert await shelf.retention.erase_member(1) == 1
    data = PersonalData(shelf.database)
    assert not any((await data.export(1)).values())
    assert (await data.export(2))["jobs"][0]["id"] == theirs.id
    assert await members.favourites(2, 9) == []
    assert shelf.files() == 4


async def test_everything_about_a_member_is_exported_but_no_secret(shelf: Shelf) -> None:
    job = await shelf.delivered(prompt="my words")
    await shelf.jobs.posted(job.id, 0, 10, 321)
    await shelf.delivered(member=2)
    exported = await PersonalData(shelf.database).export(1)
    assert [row["id"] for row in exported["jobs"]] == [job.id]
    assert "my words" in exported["jobs"][0]["spec"]
    assert len(exported["cells"]) == 2
    assert exported["posts"][0]["message_id"] == 321
    assert "secret" not in str(exported)


async def test_useless_tokens_are_forgotten(shelf: Shelf) -> None:
    job = await accept(shelf.jobs)
    await shelf.retention.forget_tokens(NOW)
    assert (await shelf.jobs.get(job.id)).reply.token == "secret"
    await shelf.retention.forget_tokens(NOW + timedelta(minutes=16))
    assert (await shelf.jobs.get(job.id)).reply.token == ""


async def test_how_much_would_go_is_counted_before(shelf: Shelf) -> None:
    await shelf.delivered(age=31 * DAY)
    await shelf.delivered(age=29 * DAY)
    await accept(shelf.jobs, ask(), NOW - 99 * DAY)
    counted = [await shelf.retention.outlived(NOW - days * DAY, 5) for days in (32, 30, 28)]
    assert counted == [0, 2, 4]
    assert await shelf.retention.outlived(NOW, 6) == 0


async def test_strays_are_swept_once_they_are_old(shelf: Shelf) -> None:
    job = await shelf.delivered()
    spec = JobSpec(verb=Verb.IMAGINE, options=Options(prompt="x"), seed=1, images=("uploads/used.png",))
    await shelf.delivered(spec=spec)
    for key in (f"jobs/{job.id}/9-0.png", "jobs/unknown/1-0.png", "uploads/unused.png", "uploads/used.png"):
        await shelf.pictures.put(key, b"x")
    now = NOW.now(tz=NOW.tzinfo)
    assert await shelf.retention.sweep(now) == 0
    for path in shelf.folder.rglob("*"):
        if path.is_file():
            os.utime(path, times=(0, (now - 2 * DAY).timestamp()))
    assert await shelf.retention.sweep(now) == 3
    assert shelf.files() == 9


async def test_rows_leave_nothing_behind(shelf: Shelf) -> None:
    job = await shelf.delivered()
    failed = await shelf.jobs.claim(await accept(shelf.jobs))
    await shelf.jobs.close(failed, JobState.FAILED, OutOfMemory("less"), NOW)
    assert {"outbox", "cells"} <= (await shelf.rows()).keys()
    for each in (job, failed):
        assert await shelf.retention.delete_job(each.id)
    assert await shelf.rows() == {"outcomes": 2}, "how many there were is still known"


UPLOAD = "uploads/a.png"


def starts_from_upload() -> JobSpec:
    return JobSpec(verb=Verb.IMAGINE, options=Options(prompt="x"), seed=1, images=(UPLOAD,))


async def purge(shelf: Shelf, _job: Job) -> None:
    await shelf.retention.purge(NOW - DAY, guild_id=5)


async def delete(shelf: Shelf, job: Job) -> None:
    await shelf.retention.delete_job(job.id)


async def drop(shelf: Shelf, job: Job) -> None:
    await shelf.retention.drop_pictures(job.id)


async def erase(shelf: Shelf, _job: Job) -> None:
    await shelf.retention.erase_member(1)


async def sweep(shelf: Shelf, job: Job) -> None:
    await shelf.jobs.close(await shelf.jobs.claim(await accept(shelf.jobs)), JobState.FAILED, OutOfMemory("x"), NOW)
    async with shelf.database.write() as connection:
        await connection.execute(sa.delete(uploads).where(uploads.c.job_id == job.id))
    now = NOW.now(tz=NOW.tzinfo)
    os.utime(shelf.folder / UPLOAD, times=(0, (now - 2 * DAY).timestamp()))
    await shelf.retention.sweep(now)


@pytest.mark.parametrize("way", [purge, delete, drop, erase, sweep])
@pytest.mark.parametrize("is_asked", [True, False], ids=["asked with", "put only"])
async def test_a_picture_that_comes_again_keeps_its_file(
    shelf: Shelf, way: Callable[[Shelf, Job], Awaitable[None]], is_asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.pictures.put(UPLOAD, b"x")
    job = await shelf.delivered(age=31 * DAY, spec=starts_from_upload())
    again: list[Job] = []
    delete_unneeded = shelf.pictures.delete_unneeded

    async def after_others(*arguments: Any) -> int:
        """Its rows are gone, its file not yet: just now somebody brings the same picture."""
        await shelf.pictures.put(UPLOAD, b"x")
        if is_asked and not again:
            again.append(await accept(shelf.jobs, ask(member=2, spec=starts_from_upload())))
        return await delete_unneeded(*arguments)

    monkeypatch.setattr(shelf.pictures, "delete_unneeded", after_others)
    await way(shelf, job)
    assert await shelf.pictures.get(UPLOAD) == b"x"


async def test_a_file_that_a_row_names_by_now_stays(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    await shelf.pictures.put(UPLOAD, b"x")
    job = await shelf.delivered(spec=starts_from_upload())
    delete_unneeded = shelf.pictures.delete_unneeded

    async def after_an_ask(*arguments: Any) -> int:
        await accept(shelf.jobs, ask(member=2, spec=starts_from_upload()))
        return await delete_unneeded(*arguments)

    monkeypatch.setattr(shelf.pictures, "delete_unneeded", after_an_ask)
    assert await shelf.retention.delete_job(job.id)
    assert await shelf.pictures.get(UPLOAD) == b"x"
