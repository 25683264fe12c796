"""A process that dies between any two steps of a show: it begins once, ends once, and one winner is kept."""

from __future__ import annotations

import asyncio
import os
import random
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.domain.rounds.ballots import count, winner, without_own, without_slots
from bot.domain.rounds.entry import EntryState
from bot.domain.rounds.round import Round, RoundState
from bot.errors import BadOption, RoundUnderWay
from bot.store.database import Database
from bot.store.schema_rounds import rounds
from bot.store.schema_shows import fame, fame_credits
from tests.bot.store.rounds.lives import lived, pressed
from tests.bot.store.rounds.showing_group import MAKERS, MODERATOR, PLACE, ShowingGroup

BOUNDARIES = 60
"""More steps than a whole show has; the last processes die of nothing."""
STRIDE = int(os.environ.get("DARKROOM_TEST_ROUND_STRIDE", "12"))
"""1 dies at every boundary."""


async def played(group: ShowingGroup, number: int) -> Round:
    """A weekly show that was missed for three weeks, whose process dies after `number` steps."""
    dice = random.Random(number)
    group.restart()
    await group.made(*MAKERS, *MAKERS)
    group.now += timedelta(weeks=3)
    group.restart(number)
    show: Round | None = None
    for _ in range(40):
        await lived(group, asyncio.gather(group.turn(after_s=61.0), group.turn(), return_exceptions=True))
        show = await group.newest() if show is None else await group.store.get(show.id)
        if show is not None and show.state is RoundState.ENDED:
            return show
        if show is not None and show.state is RoundState.OPEN:
            for member in dice.sample([*MAKERS, 1, 2], 3):
                await pressed(group, show, member, dice.randrange(show.slots))
            if dice.random() < 0.5:
                presses = [group.service.close(show.id, MODERATOR) for _ in range(2)]
                await lived(group, asyncio.gather(*presses, group.turn(after_s=50 * 3600.0), return_exceptions=True))
            else:
                group.now += timedelta(hours=49)
    raise AssertionError(f"never ended: {show}")


async def test_a_show_ends_once_whenever_its_process_dies(database: Database, tmp_path: Path) -> None:
    group, ended = ShowingGroup(database, tmp_path), list[Round]()
    await group.planned()
    for number in range(0, BOUNDARIES, STRIDE):
        over = await played(group, number)
        choices, ballots = await group.hung(over), await group.store.ballots(over.id)
        assert len(choices) == over.slots >= 6
        void = {each.place for each in choices if each.state is EntryState.VOID}
        counted = count(without_own(without_slots(ballots, void), choices), over.slots)
        assert over.winner == winner(counted, over.seed)
        ended.append(over)
        plan = await group.shows.plan(5)
        assert plan is not None and plan.next_at is not None and plan.next_at > over.created_at
    won = [over.id for over in ended if over.winner is not None]
    assert len(won) > len(ended) // 2 and sorted(group.board.told) == sorted(won)
    assert len(set(group.board.posted.values())) == len(ended), "a ballot paper for each"
    async with database.read() as connection:
        begun = await connection.scalar(sa.select(sa.func.count()).select_from(rounds))
        kept = (await connection.execute(sa.select(fame))).mappings().all()
        points = list(await connection.scalars(sa.select(sa.func.sum(fame_credits.c.points)).group_by("round_id")))
    assert begun == len(ended), "three missed weeks are one show"
    assert sorted(row["round_id"] for row in kept) == sorted(won) and set(points) == {100}
    for row in kept:
        assert row["message_id"] == group.board.told[row["round_id"]]
        assert (await group.pictures.get(row["key"])).decode().startswith(row["job_id"])


async def test_two_moderators_in_one_tick_begin_one_show(database: Database, tmp_path: Path) -> None:
    group = ShowingGroup(database, tmp_path)
    await group.made(*range(21, 29))  # enough for a weekly show: one with too few ends at once
    plan = await group.planned()
    assert plan.next_at is not None
    group.now = plan.next_at
    begun = await asyncio.gather(
        *(group.shows.begin_now(PLACE, f"{press}") for press in range(3)), group.turn(), return_exceptions=True
    )
    assert sum(isinstance(each, Round) for each in begun) <= 1
    assert {type(each) for each in begun} <= {Round, RoundUnderWay, type(None)}
    await group.turn()
    async with database.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(rounds)) == 1


async def test_two_cancels_in_one_tick_are_one(database: Database, tmp_path: Path) -> None:
    group = ShowingGroup(database, tmp_path)
    show = await group.opened(*MAKERS)
    presses = [group.shows.cancel(5, MODERATOR) for _ in range(2)]
    ends = await asyncio.gather(*presses, group.service.close(show.id, MODERATOR), return_exceptions=True)
    assert sum(isinstance(each, Round) for each in ends) == 1
    await group.turn()
    assert (await group.store.get(show.id)).state is RoundState.ENDED
    with pytest.raises(BadOption):
        await group.shows.cancel(5, MODERATOR)
