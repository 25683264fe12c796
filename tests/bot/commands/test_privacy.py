"""What is stored about a member is theirs."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta

import pytest

from bot.domain.model import JobState
from bot.errors import JobNotFound
from bot.store.schema import jobs
from engine.events import Started
from tests.bot.court import Court, eventually, said


async def test_everything_is_taken_away_as_an_archive(court: Court) -> None:
    job = await court.imagine(court.ada, "a red fox")
    await court.imagine(court.bo, "a secret owl")
    result = await court.ada.slash(court.channel, "privacy export")
    assert "Everything I store" in said(result) and result.response is not None
    archive = zipfile.ZipFile(io.BytesIO(await result.response.message.attachments[0].read()))
    assert {f"pictures/{job.id}-{cell}.png" for cell in (1, 2, 3, 4)} < set(archive.namelist())
    records = archive.read("records.json").decode()
    assert "a red fox" in records and "secret owl" not in records
    assert "reservations" in json.loads(records)


async def test_bans_limits_use_and_the_log_are_part_of_it(court: Court) -> None:
    await court.say(court.mo, "quota set", window="day", amount=8.0, target=court.ada)
    await court.imagine(court.ada)
    await court.say(court.mo, "mod ban", member=court.ada, reason="too many foxes")
    await court.say(court.mo, "mod ban", member=court.bo, reason="a secret between others")
    result = await court.ada.slash(court.channel, "privacy export")
    assert result.response is not None
    archive = zipfile.ZipFile(io.BytesIO(await result.response.message.attachments[0].read()))
    records = json.loads(archive.read("records.json"))
    (rules,) = records["guild_rules"]
    assert rules["bans"][0]["reason"] == "too many foxes" and rules["limits"][0]["amount"] == 8.0
    assert {row["used"] for row in records["quota_counters"] if row["unit"] == "pictures"} == {4}
    assert [entry["action"] for entry in records["audit_log"]] == ["quota set", "ban"]
    assert {entry["actor_id"] for entry in records["audit_log"]} == {None}
    assert "between others" not in str(records)


async def test_replies_say_so_before_their_jobs_are_forgotten(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    await court.ada.slash(court.channel, "imagine", prompt="under way")
    stream = await court.engine.stream()
    stream.post(Started("cpu"))
    await eventually(lambda: "starting" in court.messages[-1].content)
    records, said_by_then = court.client.parts.office.records, list[str]()
    posts_of = records.posts_of

    async def noting(member_id: int) -> list[tuple[int, int]]:
        said_by_then.append(court.messages[-1].content)
        return await posts_of(member_id)

    monkeypatch.setattr(records, "posts_of", noting)
    assert "1 jobs" in await court.say(court.ada, "privacy delete", confirm="delete everything")
    assert [words.splitlines()[-1] for words in said_by_then] == ["✖️ Cancelled. Nothing more is charged."]


async def test_everything_is_deleted_when_one_is_sure(court: Court) -> None:
    job = await court.imagine(court.ada)
    other = await court.imagine(court.bo)
    assert "nothing was deleted" in await court.say(court.ada, "privacy delete", confirm="yes")
    await court.ada.slash(court.channel, "imagine", prompt="under way")
    assert "2 jobs" in await court.say(court.ada, "privacy delete", confirm="“Delete everything”")
    with pytest.raises(JobNotFound):
        await court.jobs.get(job.id)
    assert await court.jobs.recent(court.ada.id, 10) == []
    assert (await court.jobs.get(other.id)).state is JobState.DELIVERED
    records = await court.client.parts.office.records.export(court.ada.id, 10**6)
    kept = json.loads(zipfile.ZipFile(io.BytesIO(records)).read("records.json"))
    # What was used counts until its windows end.
    assert {table for table, rows in kept.items() if rows} == {"quota_counters"}


async def test_deleting_is_no_way_around_a_quota(court: Court) -> None:
    await court.say(court.mo, "quota set", window="day", amount=4.0)
    await court.imagine(court.ada)
    await court.say(court.ada, "privacy delete", confirm="delete everything")
    assert "4 of 4 are used" in said(await court.ada.slash(court.channel, "imagine", prompt="a fox"))


async def test_the_owner_says_who_may_vary_theirs(court: Court) -> None:
    job = await court.imagine(court.ada)
    await court.say(court.ada, "privacy consent", share="role", role=court.helpers)
    assert "keeps this" in said(await court.bo.slash(court.channel, "show", job=job.id))
    shown = await court.ria.slash(court.channel, "show", job=job.id)
    assert shown.response is not None and not shown.response.ephemeral
    assert "which role" in await court.say(court.ada, "privacy consent", share="role")


async def test_all_see_the_retention_and_moderators_set_it(court: Court) -> None:
    assert "until somebody deletes" in await court.say(court.ada, "privacy retention")
    assert "needs Manage Server" in await court.say(court.ada, "privacy retention", days=30)
    assert "after 30 days" in await court.say(court.mo, "privacy retention", days=30)
    assert (await court.rules()).retention_days == 30
    assert "after 30 days" in await court.say(court.ada, "privacy retention")


async def test_a_shorter_time_is_asked_about_with_what_would_go(court: Court) -> None:
    old = await court.imagine(court.ada)
    await court.imagine(court.ada)
    async with court.database.write() as connection:
        aged = jobs.update().where(jobs.c.id == old.id)
        await connection.execute(aged.values(created_at=court.now() - timedelta(days=3)))
    asked = await court.mo.slash(court.channel, "privacy retention", days=2)
    assert "4 pictures here are older than 2 days" in said(asked) and asked.response is not None
    assert (await court.rules()).retention_days is None
    await court.restart()  # the button outlives it
    assert "after 2 days" in said(await court.mo.click(asked.response, label="Delete what is older than 2 days"))
    assert (await court.rules()).retention_days == 2
    assert "after 9 days" in await court.say(court.mo, "privacy retention", days=9)


async def test_a_moderator_by_role_does_not_set_how_long(court: Court) -> None:
    await court.say(court.mo, "mod roles", first=court.helpers)
    assert await court.say(court.ria, "privacy retention", days=1) == "This needs Manage Server."
    assert ((await court.newest()).action, (await court.newest()).done) == ("retention", False)
    assert (await court.rules()).retention_days is None


async def test_nothing_of_what_was_deleted_stays_in_the_file(court: Court) -> None:
    words = "an unmistakable xylophone"
    await court.imagine(court.ada, words)

    def found() -> bool:
        files = court.folder.glob("darkroom.sqlite3*")
        return any(words.encode() in path.read_bytes() for path in files)

    assert found()
    await court.say(court.ada, "privacy delete", confirm="delete everything")
    assert not found()
