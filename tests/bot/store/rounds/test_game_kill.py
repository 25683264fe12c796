"""Games whose process dies between any two steps: each ends once, draws each picture once, and keeps no secret."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.domain.games.any_game import AnyGame
from bot.domain.games.bluff import Bluff
from bot.domain.games.phases import Phase
from bot.domain.model import Member
from bot.errors import ReplyGone
from bot.store.database import Database
from bot.store.schema import jobs, sealed_words
from bot.store.schema_rules import reservations
from tests.bot.store.rounds.group import Killed
from tests.bot.store.rounds.players import KINDS, Party

BOUNDARIES = 100
STRIDE = int(os.environ.get("DARKROOM_TEST_ROUND_STRIDE", "34"))
"""1 dies at every boundary."""
_MOST_TURNS = 200


async def lived(party: Party, work: list[object]) -> None:
    """Do pieces of work in one tick; when the process dies of it, the next one begins, well."""
    errors = await asyncio.gather(*work, return_exceptions=True)  # type: ignore[call-overload]
    bad = [error for error in errors if isinstance(error, BaseException) and not isinstance(error, Killed)]
    assert party.life.is_over or bad == []
    if party.life.is_over:
        party.restart()


async def played(party: Party, kind: Callable[..., AnyGame], number: int) -> AnyGame:
    """A whole game of random members, whose process dies after `number` steps."""
    dice, game = random.Random(number), await party.begun(kind, number + 1)
    party.restart(number)
    for _ in range(_MOST_TURNS):
        game = await party.store.get(game.id)
        if game.is_over and game.shown == game.stage:
            return game
        await lived(party, [press() for press in party.presses(game, dice)])
        await lived(party, [party.turn(dice.choice((0.0, 70.0))), party.turn()])
    raise AssertionError(f"never ended: {game}")


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_a_game_ends_once_whenever_its_process_dies(database: Database, kind: str) -> None:
    party = Party(database)
    for number in range(0, BOUNDARIES, STRIDE):
        game = await played(party, KINDS[kind], number)
        assert party.screen.phases.count(Phase.OVER) == 1
        party.screen.phases.clear()
        if isinstance(game, Bluff):
            won = sum(points for turn in game.done for points in turn.points.values())
            assert won == sum(player.score for player in game.players)
    async with database.read() as connection:
        asked = list(await connection.scalars(sa.select(jobs.c.id)))
        booked = list(await connection.scalars(sa.select(reservations.c.job_id)))
        assert sorted(asked) == sorted(booked) and asked
        assert list(await connection.scalars(sa.select(sealed_words.c.job_id))) == [], "still a secret"


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_each_picture_is_asked_for_once(database: Database, kind: str) -> None:
    party = Party(database)
    for number in range(3, BOUNDARIES, STRIDE):
        game = await played(party, KINDS[kind], number)
        async with database.read() as connection:
            same = sa.select(jobs.c.id).where(jobs.c.channel_id == game.channel_id)
            assert sorted(await connection.scalars(same)) == sorted(game.pictures)


async def test_a_deadline_missed_while_down_is_put_off_once(database: Database) -> None:
    party = Party(database)
    game = await party.begun(Bluff, 1)
    await party.turn()
    party.now += timedelta(seconds=600)
    party.restart()
    await party.turn()
    late = await party.store.get(game.id)
    assert (late.phase, late.is_extended, late.why) == (Phase.LOBBY, True, "I was away; there is more time.")
    await party.turn(600.0)
    assert (await party.store.get(game.id)).phase is Phase.TELL


async def test_a_channel_that_is_gone_ends_the_game(database: Database) -> None:
    party = Party(database)
    game = await party.begun(Bluff, 1)
    party.screen.error = ReplyGone(game.id)
    await party.turn()
    over = await party.store.get(game.id)
    assert over.is_over and over.why == "it could not be shown any more" and await party.store.due(party.now) == []


async def test_a_double_click_joins_once(database: Database) -> None:
    party = Party(database)
    game = await party.begun(Bluff, 1)
    await party.turn()
    eve = Member(id=77, name="eve")
    both = [party.games.move(Bluff, game.id, lambda current: current.joined(eve)) for _ in range(2)]
    await asyncio.gather(*both)
    assert [player.id for player in (await party.store.get(game.id)).players].count(eve.id) == 1
    left = await party.games.move(Bluff, game.id, lambda current: current.left(eve))
    assert left.players == game.players
