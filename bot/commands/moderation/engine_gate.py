"""Holds the engine while the one server it serves is paused, also after a restart."""

from __future__ import annotations

import logging

import discord
from discord.ext import commands

from bot.domain.moderation.access import QueueState
from bot.ui.interactions.services import Darkroom
from engine import EngineNotReady

log = logging.getLogger(__name__)


class Gatekeeper(commands.Cog):
    """Pauses and resumes the engine with the only server that it serves."""

    def __init__(self, bot: Darkroom) -> None:
        self._bot = bot

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """A pause outlives a restart."""
        await settle(self._bot)

    @commands.Cog.listener()
    async def on_guild_join(self, _: discord.Guild) -> None:
        """A second server does not wait for the pause of the first."""
        await settle(self._bot)

    @commands.Cog.listener()
    async def on_guild_available(self, _: discord.Guild) -> None:
        """It was out of reach while the bot started, or came back after an outage."""
        if self._bot.is_ready():
            await settle(self._bot)


async def settle(bot: Darkroom) -> bool:
    """Pause the engine exactly while its only server is paused; return whether it is paused."""
    if not bot.guilds:
        return False
    rules = await bot.services.rules.get(bot.guilds[0].id)
    is_held = len(bot.guilds) == 1 and rules.gate is QueueState.PAUSED
    try:
        if is_held:
            bot.services.engine.pause()
        else:
            bot.services.engine.resume()
    except EngineNotReady as error:
        log.warning("the gate could not be set: %s", error, extra={"action": "gate"})
        return False
    return is_held
