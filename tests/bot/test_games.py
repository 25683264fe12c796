"""Games through the whole bot with the embedded model: its pictures are drawn, its text encoder compares the fakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bot.settings import Settings
from engine import EngineSettings
from tests.bot.whole import Whole, last_said, whole
from tests.patience import PATIENCE_S, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("rounds")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    engine = EngineSettings(devices=("cpu",), threads=1, load_timeout_s=300.0)
    async with whole(Settings(data_dir=tmp_path_factory.mktemp("games"), engine=engine)) as running:
        yield running


async def board(bot: Whole, text: str) -> Any:
    """The newest message, once it says this."""
    async with asyncio.timeout(PATIENCE_S):
        await until(lambda: any(text in message.content for message in bot.messages))
    return max((message for message in bot.messages if text in message.content), key=lambda message: message.id)


async def write(actor: Any, at: Any, label: str, text: str) -> str:
    form = await actor.click(at, label=label)
    answer = await actor.submit_modal(form, {"prompt": text})
    return (answer.followups or [answer.response])[-1].content


async def begun(bot: Whole, command: str, **options: Any) -> Any:
    cal = bot.ada.guild.add_member(bot.env.create_user("cal"))
    await bot.ada.slash(bot.channel, command, **options)
    lobby = await board(bot, "opens a game")
    for member in (bot.bo, cal):
        await member.click(lobby, label="Join")
    await bot.ada.click(lobby, label="Start")
    return cal


async def test_a_turn_of_bluff(bot: Whole) -> None:
    cal = await begun(bot, "bluff", turns=1)
    told = await write(bot.ada, await board(bot, "write a secret"), "Write the secret", "a red apple on a blue table")
    assert "Tell nobody" in told
    shown = await board(bot, "What could the secret have been?")
    assert len(shown.attachments) == 1 and shown.attachments[0].filename.startswith("secret-1.")
    assert "too near" in (await write(bot.bo, shown, "Write a fake", "a red apple on the blue table")).casefold()
    for member, text in ((bot.bo, "two green frogs in a pond"), (cal, "two green frogs in the pond")):
        await write(member, shown, "Write a fake", text)
    listed = await board(bot, "Which of these is the secret?")
    assert listed.content.count("frogs") == 1 and "a red apple on a blue table" in listed.content
    (menu,) = [item for row in listed.components for item in row.children if hasattr(item, "options")]
    truth = next(option.value for option in menu.options if "apple" in option.label)
    own = next(option.value for option in menu.options if "frogs" in option.label)
    await bot.bo.select(listed, [truth])
    assert "your own" in last_said(await cal.select(listed, [own])).content
    await cal.select(listed, [next(option.value for option in menu.options if option.value not in (truth, own))])
    revealed = await board(bot, "Points:")
    assert f"<@{bot.ada.id}> +3" in revealed.content and "apple" in (revealed.attachments[0].description or "")
    await cal.click(revealed, label="Next")
    assert "Table:" in (await board(bot, "is over")).content
