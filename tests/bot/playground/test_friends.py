"""The playground's scripted friends: they join, look, wait and press, by different tastes."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import discord
import pytest
import simcord
from discord.ui import Button, View
from PIL import Image

from bot.domain.rounds.round import RoundAct
from bot.playground.behaviours import BEHAVIOURS, Hands, Seen
from bot.playground.friends import NAMES, Friends
from bot.playground.tastes import liked
from tests.bot.world import eventually

COLOURS = ("#f02010", "#1020f0", "#f8f8f8", "#080808")
A_VOTE = [f"dr-round:v:abc:{slot}" for slot in range(4)]


def grid() -> bytes:
    picture = Image.new("RGB", (64, 64))
    for slot, colour in enumerate(COLOURS):
        picture.paste(colour, (slot % 2 * 32, slot // 2 * 32, slot % 2 * 32 + 32, slot // 2 * 32 + 32))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


class Voting(discord.Client):
    """A bot that notes who presses what."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents.default())
        self.pressed: list[tuple[str, str]] = []

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        data: Any = interaction.data
        self.pressed.append((interaction.user.name, data["custom_id"]))
        await interaction.response.send_message("noted", ephemeral=True)


async def at_once(pause_s: float) -> None:
    await asyncio.sleep(0)


def test_friends_have_different_tastes() -> None:
    assert [liked(name, grid(), 4) for name in NAMES] == [[0], [1], [2], [3]]


@pytest.mark.parametrize("name", [*NAMES, "somebody"])
def test_without_a_picture_a_friend_still_has_a_choice(name: str) -> None:
    [slot] = liked(name, None, 4)
    assert 0 <= slot < 4


async def test_friends_join_and_vote_once_each() -> None:
    bot = Voting()
    env = simcord.Env(bot, settle_timeout=1.0, check_errors=False)
    await env.start()
    try:
        channel = env.create_guild("The Darkroom").create_text_channel("darkroom")
        friends = Friends(env, channel, [env.create_user(name) for name in NAMES], sleep=at_once)
        view = View(timeout=None)
        for custom_id in A_VOTE:
            view.add_item(Button(label=custom_id[-1], custom_id=custom_id))
        place: Any = bot.get_channel(channel.id)
        await place.send("before they came", view=view, file=discord.File(io.BytesIO(grid()), "grid.png"))
        await friends.bring()
        await eventually(lambda: len(bot.pressed) == 4)
        assert sorted(bot.pressed) == [(name, A_VOTE[slot]) for slot, name in enumerate(sorted(NAMES))]
        await place.send("another message, the same vote", view=view)
        await friends.bring()
        await friends.close()
        assert len(bot.pressed) == 4
        said = [message.content for message in channel.history() if message.author.name in NAMES]
        assert len(said) == 4
    finally:
        await env.shutdown()


async def test_friends_hand_in_a_wild_card_in_the_first_round_only() -> None:
    filled: list[dict[str, str]] = []

    async def press(custom_id: str) -> Any:
        return type("Shown", (), {"modal": {"id": custom_id}})

    async def fill(form: Any, values: dict[str, str]) -> None:
        filled.append(values)

    [habit] = [one for one in BEHAVIOURS if type(one).__name__ == "WildCards"]
    first = Seen("Round 1 of 4", ("dr-round:w:abc:0",))
    assert habit.about("kim", first) and habit.about("kim", Seen("Round 2 of 4", first.buttons)) is None
    assert first.of(RoundAct.WILD) == [("abc", "dr-round:w:abc:0")]
    await habit.act("kim", first, Hands(press, fill))
    assert filled == [{"prompt": "on a red background"}]
