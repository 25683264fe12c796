"""Whatever tables there are: a member gets all that is about them, and nothing of it stays that has no reason to."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.domain.games.bluff import Bluff
from bot.domain.games.player import Player
from bot.domain.jobs.pending_answers import PendingAnswer
from bot.domain.model import Member, Place
from bot.domain.moderation.access import Ban
from bot.domain.moderation.guild_rules import GuildRules
from bot.store.database import Database
from bot.store.jobs.pending_answers import PendingAnswerStore
from bot.store.members.member_records import MemberRecordStore
from bot.store.pictures import PictureStore
from bot.store.schema_rules import metadata
from tests.bot.store.asks import NOW

ADA, BO = 4711, 815
ABOUT_NOBODY = {"timings", "model_days", "outcomes", "bots", "shards", "open_channels", "show_plans", "sealed_words"}
"""The last holds what is a secret from its owner too; what a member wrote stands in their games."""
STAYS = {"quota_counters", "audit_log", "guild_rules", "pending_answers"}
"""What is used counts until its windows end; what moderators did stays in their log and rules. The command that erases
is itself a pending answer: it forgets the others."""
FILES = ("cell.png", "upload.png", "frames.zip")


def played(member: int) -> Bluff:
    """A game of theirs."""
    them = Member(id=member, name="x")
    place = Place(guild_id=member, channel_id=member)
    return Bluff(
        id=f"game{member}", host=them, place=place, players=(Player(member=them),), seed=1, closes_at=NOW,
        created_at=NOW,
    )  # fmt: skip


def row_about(table: sa.Table, member: int) -> dict[str, Any]:
    """A row with something in every column."""
    named = {
        "member_id": member, "subject_id": member, "actor_id": member, "scope": "member",
        "subject": f"<@{member}>", "body": GuildRules(guild_id=1, bans=(Ban(member_id=member),)).model_dump_json(),
        "job_id": f"job{member}", "guild_id": member, "message_id": member, "interaction_id": member,
        "host_id": member, "host": "{}", "place": "{}", "round_id": f"round{member}", "picks": "0",
        "game_id": f"game{member}", "scope_id": member,
        "notes": [], "captions": [], "spans": [], "frames_key": f"{member}/frames.zip", "latents_key": None,
        "key": f"{member}/{'upload' if table.name in ('uploads', 'kept_styles') else 'cell'}.png",
    }  # fmt: skip
    if table.name == "jobs":
        named |= {"id": f"job{member}", "state": "delivered"}
    if table.name == "rounds":
        named |= {"id": f"round{member}", "state": "ended"}
    if table.name == "games":
        named |= {"id": f"game{member}", "channel_id": member, "body": played(member).model_dump_json()}
    if table.name in ("entries", "kept_styles"):
        named["place"] = 1
    plain = {int: 1, str: "x", float: 1.0, bool: False}
    return {
        column.name: named[column.name] if column.name in named else plain.get(column.type.python_type, NOW)
        for column in table.c
        if (table.name, column.name) != ("audit_log", "id")
    }


async def count(database: Database, table: sa.Table) -> int:
    async with database.read() as connection:
        return int(await connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


@pytest.fixture
async def records(database: Database, tmp_path: Path) -> MemberRecordStore:
    pictures = PictureStore.open(tmp_path / "pictures")
    for member in (ADA, BO):
        for name in FILES:
            await pictures.put(f"{member}/{name}", b"file of %d" % member)
        async with database.write() as connection:
            for table in metadata.sorted_tables:
                if table.name not in ABOUT_NOBODY:
                    await connection.execute(sa.insert(table).values(row_about(table, member)))
    return MemberRecordStore(database, pictures)


async def test_every_table_and_file_is_exported(records: MemberRecordStore) -> None:
    archive = zipfile.ZipFile(io.BytesIO(await records.export(ADA, 10**6)))
    rows = json.loads(archive.read("records.json"))
    assert {name for name, found in rows.items() if len(found) == 1} == set(metadata.tables) - ABOUT_NOBODY
    assert str(BO) not in str(rows)
    kept = {f"pictures/job{ADA}-2.png", "uploads/upload.png", f"frames/job{ADA}.zip", f"hall/round{ADA}.png"}
    assert set(archive.namelist()) == {"README.txt", "records.json", *kept}
    assert {archive.read(name) for name in kept} == {b"file of %d" % ADA}


async def test_every_table_and_file_is_emptied_but_for_what_must_stay(
    records: MemberRecordStore, database: Database, tmp_path: Path
) -> None:
    await records.erase_member(ADA)
    left = {table.name: await count(database, table) for table in metadata.sorted_tables}
    assert left == {name: 0 if name in ABOUT_NOBODY else 2 if name in STAYS else 1 for name in metadata.tables}
    files = [path for path in (tmp_path / "pictures").rglob("*") if path.is_file()]
    assert {path.parent.name for path in files} == {str(BO)} and len(files) == len(FILES)


async def test_open_questions_are_exported_tokenless_and_forgotten(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "promises.jsonl"
    pending_answers = PendingAnswerStore(path, database)
    for number, member in enumerate((ADA, ADA, BO)):
        payload = {"member": {"user": {"id": str(member)}}, "data": {"words": f"a \u2028 fox \ud83e of {member}"}}
        given = {"interaction_id": number, "application_id": 1, "token": "s3cret", "payload": payload}
        await pending_answers.store(PendingAnswer(**given, expires_at=NOW))
    records = MemberRecordStore(database, PictureStore.open(tmp_path / "pictures"), pending_answers.of_member)
    archive = zipfile.ZipFile(io.BytesIO(await records.export(ADA, 10**6)))
    said = json.loads(archive.read("records.json"))["promises"]
    assert [one["interaction_id"] for one in said] == [0, 1]
    assert "fox" in str(said) and "s3cret" not in str(said) and str(BO) not in str(said)

    await pending_answers.forget(ADA, but=1)
    again = PendingAnswerStore(path, database)
    assert [one.interaction_id for one in await again.unanswered()] == [1, 2]
    for number in (1, 2):
        await again.delete(number)
    assert path.read_bytes() == b""
    assert not path.with_suffix(".new").exists()
