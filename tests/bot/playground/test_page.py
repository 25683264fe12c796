"""The page's own ways round what SimCord does for test benches."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import discord
import pytest
import simcord
from discord import app_commands
from PIL import Image

from bot.playground.page import LivePreview
from tests.patience import until


class Slow(discord.Client):
    """A bot whose only command answers when it is let."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents.default())
        self.tree = app_commands.CommandTree(self)
        self.may_answer = asyncio.Event()

    async def setup_hook(self) -> None:
        @self.tree.command(name="slow", description="Takes its time")
        async def slow(interaction: discord.Interaction) -> None:
            await interaction.response.defer(ephemeral=True)
            await self.may_answer.wait()
            await interaction.edit_original_response(content="at last")

        del slow
        await self.tree.sync()


@asynccontextmanager
async def opened(bot: Slow) -> AsyncIterator[tuple[Any, Any]]:
    env = simcord.Env(bot, settle_timeout=0.2, check_errors=False)
    await env.start()
    try:
        guild = env.create_guild("The Darkroom")
        channel = guild.create_text_channel("darkroom")
        ada = guild.add_member(env.create_user("ada"))
        preview: Any = env.preview(channel, viewers=(ada,), layout="channel", port=0)
        LivePreview(preview, 0)
        async with preview:
            yield preview, preview._open_page()
    finally:
        bot.may_answer.set()
        await env.shutdown()


def command(page: Any, preview: Any, sequence: int) -> dict[str, Any]:
    (entry,) = page.command_catalog["entries"]
    return {
        "protocol_version": 3,
        "sequence": sequence,
        "request_id": f"r{sequence}",
        "generation": page.generation,
        "bot_generation": preview.env._generation,
        "published_revision": 0,
        "kind": "run_command",
        "command_id": entry["commandId"],
        "path": entry["path"],
        "schema_fingerprint": entry["schemaFingerprint"],
        "options": {},
    }


async def test_an_answer_that_takes_long_holds_up_nothing_and_is_shown_when_it_comes() -> None:
    bot = Slow()
    async with opened(bot) as (preview, page):
        first = await preview._action(page.id, command(page, preview, 1))
        assert first["settlement"] == "settled", "the box is free for the next one"
        await asyncio.sleep(0)
        second = await preview._action(page.id, command(page, preview, 2))
        assert not second["rejected"], second["diagnostics"]
        bot.may_answer.set()
        await until(lambda: [said["content"] for said in page.snapshot["messages"].values()] == ["at last"] * 2)


async def test_times_count_from_now_and_not_from_the_start_of_the_page() -> None:
    bot = Slow()
    async with opened(bot) as (preview, page):
        opened_at = datetime.fromisoformat(page.snapshot["profile"]["presentationTime"])
        preview.env.backend.clock.advance(600)
        await bot.get_partial_messageable(page.channel_id).send("now")
        await asyncio.sleep(0)
        shown_at = datetime.fromisoformat(page.snapshot["profile"]["presentationTime"])
        assert (shown_at - opened_at).total_seconds() >= 600


async def test_pictures_reach_the_page_as_they_are_without_a_process_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "create_subprocess_exec", None)
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(picture, "webp")
    bot = Slow()
    async with opened(bot) as (preview, page):
        upload = discord.File(io.BytesIO(picture.getvalue()), "red.webp")
        await bot.get_partial_messageable(page.channel_id).send(file=upload)
        await asyncio.sleep(0)
        asset = next(one for one in page.assets.values() if one.filename == "red.webp")
        kind, body, _ = await preview._prepare_asset(page.id, asset.id)
        assert (kind, body) == ("image/webp", picture.getvalue())
        assert (asset.width, asset.height) == (40, 30)
