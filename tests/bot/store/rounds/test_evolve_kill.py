"""A process that dies between any two steps of an `/evolve`: it ends once, on every ballot, and the books balance."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter

import pytest
import sqlalchemy as sa

from bot.domain.rounds.ballots import count, winner
from bot.domain.rounds.entry import EntryRole, EntryState
from bot.domain.rounds.round import Round, RoundState
from bot.errors import QuotaExceeded, ReplyGone
from bot.store.database import Database
from bot.store.schema import jobs
from bot.store.schema_rules import reservations
from tests.bot.store.rounds.evolving_group import EvolvingGroup
from tests.bot.store.rounds.group import HOST, MODERATOR
from tests.bot.store.rounds.lives import lived, pressed

BOUNDARIES = 240
"""More steps than a whole game has; the last processes die of nothing."""
STRIDE = int(os.environ.get("DARKROOM_TEST_EVOLVE_STRIDE", "60"))
"""1 dies at every boundary."""


async def played(group: EvolvingGroup, number: int) -> list[Round]:
    """A whole game of random members, whose process dies after `number` steps."""
    dice = random.Random(number)
    group.restart()  # what the last game left of its process could end in the middle of the plan
    planned = await group.planned(number)
    group.restart(number)
    await lived(group, group.evolutions.start(planned.id, HOST))
    if (await group.store.get(planned.id)).state is RoundState.PLANNED:
        await group.evolutions.start(planned.id, HOST)
    for _ in range(60):
        if await group.over(planned.id):
            break
        await lived(group, asyncio.gather(group.turn(after_s=31.0), group.turn(), return_exceptions=True))
        await group.draw()
        await acted(group, await group.newest(planned.id), dice)
    return await group.store.game(planned.id)


async def acted(group: EvolvingGroup, current: Round, dice: random.Random) -> None:
    """What members do with an open round: vote, hand in a line, count; now and then the host ends it."""
    if current.state is not RoundState.OPEN:
        return
    for member in dice.sample(range(1, 6), dice.randint(1, 4)):
        await pressed(group, current, member, dice.randrange(current.slots))
    if current.number < 3 and dice.random() < 0.7:
        await lived(group, group.evolutions.hand_in(current.id, HOST.model_copy(update={"id": 3}), "in the rain"))
    ends = group.service.cancel if dice.random() < 0.1 else group.service.close
    await lived(group, asyncio.gather(ends(current.id, HOST), ends(current.id, MODERATOR), return_exceptions=True))


async def test_a_game_ends_once_whenever_its_process_dies(database: Database) -> None:
    group, games = EvolvingGroup(database), list[list[Round]]()
    for number in range(0, BOUNDARIES, STRIDE):
        games.append(game := await played(group, number))
        assert await group.over(game[0].id) and [each.number for each in game] == list(range(1, len(game) + 1))
        for each in game:
            ballots = await group.store.ballots(each.id)
            if each.winner is not None and "choice" not in each.outcome:
                assert each.winner == winner(count(ballots, each.slots), each.seed)
            assert {shown.winner for shown in group.board.outcomes if shown.id == each.id} == {each.winner}
    shown = [each for game in games for each in game]
    assert len(set(group.board.posted.values())) == len(shown), "a message for each round"
    expected = sum(1 + 2 * (len(game) - 1) + (game[-1].winner is not None) for game in games)
    async with database.read() as connection:
        made = list(await connection.scalars(sa.select(jobs.c.id)))
        booked = Counter(await connection.scalars(sa.select(reservations.c.job_id)))
        states = set(await connection.scalars(sa.select(reservations.c.state)))
    assert len(made) == expected and set(booked.values()) == {1} and len(booked) == expected
    assert "held" not in states
    assert sum(game[-1].winner is not None for game in games) >= len(games) // 2


async def test_a_line_is_used_once(database: Database) -> None:
    group = EvolvingGroup(database)
    planned = await group.planned(1)
    await group.evolutions.start(planned.id, HOST)
    for _ in range(2):
        await group.turn()
        await group.draw()
    for member in (3, 4, 5, 6):
        await group.evolutions.hand_in(planned.id, HOST.model_copy(update={"id": member}), f"line of {member}")
    await group.service.vote(planned.id, 3, 0)
    await group.service.close(planned.id, HOST)
    await group.turn()
    second = await group.newest(planned.id)
    drawn = [entry.text for entry in await group.entries.of(second.id, role=EntryRole.CHOICE) if entry.text]
    lines = await group.entries.of(planned.id, role=EntryRole.WILD)
    assert sorted(drawn) == ["line of 4", "line of 5", "line of 6"], "of whose votes won least"
    used = {line.member_id for line in lines if line.state is EntryState.USED}
    assert used == {4, 5, 6} and [line.member_id for line in lines if line.state is EntryState.OPEN] == [3]


@pytest.mark.parametrize("hours", [1, 60])
async def test_a_used_up_quota_waits_a_day_at_most(database: Database, hours: int) -> None:
    group = EvolvingGroup(database)
    planned = await group.planned(1)
    await group.evolutions.start(planned.id, HOST)
    for _ in range(2):
        await group.turn()
        await group.draw()
    await group.service.vote(planned.id, HOST.id, 0)
    await group.service.close(planned.id, HOST)
    group.refusal = QuotaExceeded("member", "pictures", 9, 9, 2, group.now)
    for _ in range(3):
        await group.turn(after_s=3600.0 * hours / 3)
    waiting = await group.newest(planned.id)
    if hours == 1:
        assert waiting.state is RoundState.DRAWING and "QuotaExceeded" in waiting.refusal
        group.refusal = None
        await group.turn(after_s=61.0)
        assert (await group.newest(planned.id)).refusal == ""
    else:
        assert waiting.state is RoundState.ENDED and "QuotaExceeded" in waiting.refusal


@pytest.mark.parametrize("when", ["before the first message", "before the vote"])
async def test_where_nothing_can_be_shown_nothing_is_owed(database: Database, when: str) -> None:
    group = EvolvingGroup(database)
    planned = await group.planned(1)
    await group.evolutions.start(planned.id, HOST)
    if when == "before the vote":
        await group.turn()
    group.board.error = ReplyGone(planned.id, "404/10003")
    await group.turn()
    if when == "before the vote":
        await group.draw()
        await group.turn()
    over = await group.newest(planned.id)
    assert over.state is RoundState.ENDED and over.winner is None and len(await group.store.game(planned.id)) == 1
    assert await group.jobs.unfinished() == []
