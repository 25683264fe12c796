"""Entries of rounds in a real database: each at its place, whoever comes at the same time."""

from __future__ import annotations

import asyncio

import pytest

from bot.domain.model import CellRef
from bot.domain.rounds.entry import Entry, EntryRole, EntryState
from bot.domain.rounds.round import Round, RoundState
from bot.errors import Fenced
from bot.store.database import Database
from bot.store.rounds.entries import EntryStore
from tests.bot.store.asks import NOW
from tests.bot.store.rounds.group import Group

OPEN = (RoundState.OPEN,)


@pytest.fixture
def group(database: Database) -> Group:
    return Group(database)


@pytest.fixture
def store(database: Database) -> EntryStore:
    return EntryStore(database)


def line(opened: Round, member: int, text: str = "rain", **more: object) -> Entry:
    return Entry(
        round_id=opened.id, role=EntryRole.WILD, place=0, member_id=member, text=text, entered_at=NOW
    ).model_copy(update=more)


async def test_lines_that_come_at_once_all_have_a_place(group: Group, store: EntryStore) -> None:
    opened = await group.begun()
    await asyncio.gather(*(store.enter(line(opened, member), OPEN) for member in range(1, 9)))
    assert [entry.place for entry in await store.of(opened.id)] == list(range(8))


async def test_a_second_line_replaces_the_first(group: Group, store: EntryStore) -> None:
    opened = await group.begun()
    for member, text in ((1, "rain"), (2, "snow"), (1, "fog")):
        await store.enter(line(opened, member, text), OPEN)
    assert [(entry.member_id, entry.text) for entry in await store.of(opened.id)] == [(1, "fog"), (2, "snow")]


async def test_a_used_line_stays_and_a_new_one_comes_after_it(group: Group, store: EntryStore) -> None:
    opened = await group.begun()
    first = await store.enter(line(opened, 1), OPEN)
    assert first is not None and await store.change(first, state=EntryState.USED)
    assert await store.change(first, state=EntryState.VOID) is None
    second = await store.enter(line(opened, 1, "snow"), OPEN)
    assert second is not None and second.place == 1


async def test_a_round_that_is_over_takes_no_line(group: Group, store: EntryStore) -> None:
    opened = await group.begun()
    await group.store.change(opened, state=RoundState.DECIDED)
    assert await store.enter(line(opened, 1), OPEN) is None and await store.of(opened.id) == []


async def test_an_entry_makes_who_read_before_read_again(group: Group, store: EntryStore) -> None:
    opened = await group.begun()
    await store.enter(line(opened, 1), OPEN)
    with pytest.raises(Fenced):
        await group.store.change(opened, state=RoundState.DECIDED)


async def test_a_round_and_what_follows_come_together(group: Group, store: EntryStore) -> None:
    opened = await group.begun()
    following = opened.model_copy(
        update={"id": "b" * 16, "job_id": "", "game_id": opened.id, "number": 2, "state": RoundState.DRAWING}
    )
    picture = line(following, 1, role=EntryRole.CHOICE, picture=CellRef(job_id="j1", cell=3), is_secret=True)
    await group.store.change(opened, state=RoundState.ENDED, following=following, entries=[picture])
    assert await group.store.get(following.id) == following
    assert await store.of(following.id, role=EntryRole.CHOICE) == [picture]
    assert await group.store.game(opened.id) == [following]
    assert [each.id for each in await group.store.due(following.due_at)] == [following.id]
    with pytest.raises(Fenced):
        await group.store.change(opened, following=following.model_copy(update={"id": "c" * 16}))
    assert len(await group.store.game(opened.id)) == 1
