"""A process that dies between any two steps of a vote: it ends once, on every ballot, and the books balance."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter

import pytest
import sqlalchemy as sa

from bot.domain.rounds.ballots import count, winner
from bot.domain.rounds.round import Ballot, Round, RoundState
from bot.errors import AlreadyAsked
from bot.store.database import Database
from bot.store.schema_rules import reservations
from tests.bot.store.rounds.group import HOST, MODERATOR, Group
from tests.bot.store.rounds.lives import lived, pressed

BOUNDARIES = 50
"""More steps than a whole round has; the last processes die of nothing."""
STRIDE = int(os.environ.get("DARKROOM_TEST_ROUND_STRIDE", "5"))
"""1 dies at every boundary."""


async def played(group: Group, number: int, ends_by: str) -> tuple[Round, list[Ballot]]:
    """A whole round of random members, whose process dies after `number` steps."""
    dice = random.Random(number)
    opened = await group.begun(number + (1000 if ends_by == "a press" else 0))
    group.present = set(range(1, dice.randint(2, 5)))
    group.restart(number)
    for _ in range(dice.randint(1, 6)):
        await pressed(group, opened, dice.randint(1, 6), dice.randrange(4))
    ballots = await group.store.ballots(opened.id)
    if ends_by == "a press":
        presses = [group.service.close(opened.id, who) for who in (HOST, MODERATOR)]
        await lived(group, asyncio.gather(*presses, group.turn(after_s=120.0), return_exceptions=True))
    for _ in range(12):
        if (await group.store.get(opened.id)).state is RoundState.ENDED:
            break
        await lived(group, asyncio.gather(group.turn(after_s=61.0), group.turn(), return_exceptions=True))
    return await group.store.get(opened.id), ballots


@pytest.mark.parametrize("ends_by", ["time", "a press"])
async def test_a_round_ends_once_whenever_its_process_dies(database: Database, ends_by: str) -> None:
    group, ended = Group(database), []
    for number in range(0 if ends_by == "time" else STRIDE // 2, BOUNDARIES, STRIDE):
        over, ballots = await played(group, number, ends_by)
        assert over.state is RoundState.ENDED and await group.store.ballots(over.id) == ballots
        tally = count(ballots, 4)
        if "choice" not in over.outcome:
            assert over.winner == winner(tally, over.seed)
        made = await group.jobs.children(over.job_id)
        assert [job.id for job in made] == ([] if over.winner is None else [over.next_job_id])
        told = {shown.winner for shown in group.board.outcomes if shown.id == over.id}
        assert told == {over.winner}
        ended.append(over)
    async with database.read() as connection:
        booked = Counter(await connection.scalars(sa.select(reservations.c.job_id)))
    won = sum(over.winner is not None for over in ended)
    assert won > len(ended) // 2 and len(booked) == len(ended) + won and set(booked.values()) == {1}


async def test_two_presses_in_one_tick_end_it_once(database: Database) -> None:
    group = Group(database)
    opened = await group.begun()
    await group.service.vote(opened.id, 2, 3)
    presses = [group.service.close(opened.id, who) for who in (HOST, MODERATOR)]
    results = await asyncio.gather(*presses, group.service.cancel(opened.id, MODERATOR), return_exceptions=True)
    assert Counter(type(result).__name__ for result in results) == {"Round": 1, "RoundOver": 2}
    await group.turn()
    over = await group.store.get(opened.id)
    assert over.state is RoundState.ENDED and len(await group.jobs.children(over.job_id)) == (over.winner is not None)


async def test_the_same_ask_twice_is_one_job(database: Database) -> None:
    group = Group(database)
    opened = await group.begun()
    await group.service.vote(opened.id, 2, 3)
    await group.service.close(opened.id, HOST)
    await group.turn()
    over = await group.store.get(opened.id)
    group.refusal = AlreadyAsked(over.next_job_id or "")
    await group.store.change(over, state=RoundState.DECIDED, next_job_id=None)
    await group.turn()
    assert (await group.store.get(opened.id)).next_job_id == over.next_job_id
