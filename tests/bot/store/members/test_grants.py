"""Whom owners always let: written once, exported to both, and gone with either."""

from __future__ import annotations

from pathlib import Path

from bot.domain.model import Member, Place
from bot.domain.rounds.entry import Entry, EntryRole
from bot.domain.rounds.round import Round, RoundKind
from bot.store.database import Database
from bot.store.members.grants import GrantStore
from bot.store.members.personal_data import PersonalData
from bot.store.members.retention import Retention
from bot.store.pictures import PictureStore
from bot.store.rounds.entries import EntryStore
from bot.store.rounds.rounds import RoundStore
from tests.bot.store.asks import NOW


async def test_always_is_kept_once_and_taken_back(database: Database) -> None:
    grants = GrantStore(database)
    for _ in range(2):
        await grants.allow(1, 2, NOW)
    assert await grants.allows(1, 2) and not await grants.allows(2, 1)
    assert await grants.withdraw(1) == 1 and await grants.withdraw(1) == 0 and not await grants.allows(1, 2)


async def test_both_are_told_of_it_and_either_ends_it(database: Database, tmp_path: Path) -> None:
    grants, retention = GrantStore(database), Retention(database, PictureStore.open(tmp_path))
    for erased in (1, 2):
        await grants.allow(1, 2, NOW)
        for member in (1, 2):
            [row] = (await PersonalData(database).export(member))["grants"]
            assert (row["owner_id"], row["member_id"]) == (1, 2)
        assert (await PersonalData(database).export(3))["grants"] == []
        await retention.erase_member(erased)
        assert not await grants.allows(1, 2)


async def test_who_was_asked_is_forgotten_with_their_answer(database: Database, tmp_path: Path) -> None:
    rounds, entries = RoundStore(database), EntryStore(database)
    asker, place = Member(id=2, name="bo"), Place(guild_id=5, channel_id=10)
    opened = await rounds.open(
        Round(id="1", kind=RoundKind.CONSENT, host=asker, place=place, slots=0, seed=0, due_at=NOW, duration_s=1.0,
              created_at=NOW)
    )  # fmt: skip
    asked = Entry(round_id="1", role=EntryRole.ASKED, place=0, member_id=1, text="o", entered_at=NOW)
    await rounds.change(opened, entries=[asked])
    await Retention(database, PictureStore.open(tmp_path)).erase_member(1)
    [left] = await entries.of("1")
    assert (left.member_id, left.text) == (None, "")
