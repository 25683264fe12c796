"""What was said in the playground is there again at the next start, and who said it."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord

from bot.errors import ConfigError
from bot.playground import world
from bot.playground.world_store import NAME, WorldStore
from tests.bot.playground.opened import Slow


@asynccontextmanager
async def started(folder: Path, bot: Slow) -> AsyncGenerator[tuple[Any, world.World, bool]]:
    env = simcord.Env(bot, check_errors=False)
    with closing(WorldStore(env, folder)) as kept:
        with kept.numbers():
            built = world.build(env)
        is_known = kept.restore()
        await env.start()
        try:
            yield env, built, is_known
        finally:
            await env.shutdown()


def said(env: Any, built: world.World) -> dict[int, str]:
    return {message.id: repr(message) for message in env.backend.messages[built.channel.id].values()}


def numbers(env: Any, built: world.World) -> list[int]:
    known = [env.backend.application_id, env.backend.bot_user.id, built.channel.id]
    return known + [member.id for member in built.members]


async def test_members_channel_and_messages_come_back(tmp_path: Path) -> None:
    bot = Slow()
    bot.may_answer.set()
    async with started(tmp_path, bot) as (env, built, is_known):
        assert not is_known
        channel = bot.get_partial_messageable(built.channel.id)
        kept = await channel.send("kept", file=discord.File(io.BytesIO(b"old"), "one.webp"))
        await kept.edit(content="edited", attachments=[discord.File(io.BytesIO(b"new"), "one.webp")])
        await kept.add_reaction("⭐")
        await (await channel.send("taken back")).delete()
        ada = built.members[0]
        await (await bot.fetch_user(ada.id)).send("a direct message")
        await ada.slash(built.channel, "slow")
        before = {number: text for number, text in said(env, built).items() if "at last" not in text}
        ids = numbers(env, built)
        direct = env.backend.dm_channels[ada.id]
    again = Slow()
    async with started(tmp_path, again) as (env, built, is_known):
        assert is_known
        assert said(env, built) == before, "and none that only one member saw"
        assert len(before) == 1
        (message,) = env.backend.messages[built.channel.id].values()
        assert env.backend.cdn.get(message.attachments[0]["url"]) == b"new"
        assert numbers(env, built) == ids
        assert env.backend.dm_channels[built.members[0].id] == direct
        assert [one.content for one in env.backend.messages[direct].values()] == ["a direct message"]
        await again.get_partial_messageable(built.channel.id).get_partial_message(message.id).edit(content="goes on")
        assert message.content == "goes on"
    with sqlite3.connect(tmp_path / NAME) as base:
        assert base.execute("select count(*) from files").fetchone() == (1,)


@pytest.mark.parametrize("damage", [b"no database at all, though it is long enough" * 9, None])
async def test_a_world_that_cannot_be_read_is_named(tmp_path: Path, damage: bytes | None) -> None:
    async with started(tmp_path, bot := Slow()) as (_, built, _):
        await bot.get_partial_messageable(built.channel.id).send("hello")
    if damage:
        (tmp_path / NAME).write_bytes(damage)
    else:
        with sqlite3.connect(tmp_path / NAME) as base:
            base.execute("update messages set body = '{}'")
    with pytest.raises(ConfigError, match="move the file away, or choose another folder"):
        async with started(tmp_path, Slow()):
            pass
