"""A playground's page, opened over a small bot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import discord
import simcord
from discord import app_commands

from bot.playground.page import LivePreview


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
async def opened(bot: Slow) -> AsyncGenerator[tuple[Any, Any]]:
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
