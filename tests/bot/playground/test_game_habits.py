"""Scripted friends play whole games with one newcomer: they join, write, guess and vote by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.domain.games.bluff import Bluff
from bot.domain.games.phases import Phase
from bot.domain.games.telephone import Telephone
from bot.playground.friends import Friends
from tests.bot.game_table import Table
from tests.patience import PATIENCE_S


@pytest.fixture
async def friends(table: Table) -> AsyncIterator[Friends]:
    users = [table.env.create_user(name) for name in ("kim", "lou", "nia")]
    brought = Friends(table.env, table.channel, users, sleep=at_once)
    await brought.bring()
    yield brought
    await brought.close()


async def at_once(pause_s: float) -> None:
    await asyncio.sleep(0)


async def after(table: Table, phase: Phase) -> None:
    """Wait until the friends have done their part, and lead on."""
    async with asyncio.timeout(PATIENCE_S):
        while (await table.game()).closes_at > table.now():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert (await table.game()).phase is phase
    await table.lead()


async def begun(table: Table, friends: Friends, command: str, **options: str) -> None:
    async with friends.turn:
        await table.ada.slash(table.channel, command, **options)
    await table.lead()
    async with asyncio.timeout(PATIENCE_S):
        while len((await table.game()).players) < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    async with friends.turn:
        await table.press(table.ada, "Start")
    await table.lead()


async def test_friends_play_bluff(table: Table, friends: Friends) -> None:
    await begun(table, friends, "bluff")
    async with friends.turn:
        await table.write(table.ada, "Write the secret", "a quixotic xylophone")
    await table.drawn_all()
    await after(table, Phase.FAKE)
    game = await table.game()
    assert isinstance(game, Bluff) and len(game.now_on.fakes) == 3
    await after(table, Phase.VOTE)
    game = await table.game()
    assert isinstance(game, Bluff) and len(game.now_on.votes) == 3 and game.phase is Phase.REVEAL


async def test_friends_play_telephone(table: Table, friends: Friends) -> None:
    await begun(table, friends, "telephone")
    async with friends.turn:
        hand = await table.ada.click(table.board, label="My turn")
        form = await table.ada.click(hand.response, label="Say what you see")
        await table.ada.submit_modal(form, {"prompt": "a quixotic xylophone"})
    await after(table, Phase.WRITE)
    game = await table.game()
    assert isinstance(game, Telephone) and game.phase is Phase.DRAW and [len(chain) for chain in game.chains] == [1] * 4
    assert not [line for chain in game.chains for line in chain if line.is_asleep or line.author is None]


async def test_friends_word_the_bands_of_a_corpse(table: Table, friends: Friends) -> None:
    await begun(table, friends, "telephone", corpse="tall")
    async with friends.turn:
        hand = await table.ada.click(table.board, label="My turn")
        form = await table.ada.click(hand.response, label="Word my band")
        await table.ada.submit_modal(form, {"prompt": "a quixotic xylophone"})
    await after(table, Phase.WRITE)
    game = await table.game()
    assert isinstance(game, Telephone) and game.phase is Phase.DRAW and [len(chain) for chain in game.chains] == [1] * 4
    assert not [line for chain in game.chains for line in chain if line.is_asleep or line.author is None]
