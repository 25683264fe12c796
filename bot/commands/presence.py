"""The status line: how busy the bot is."""

from __future__ import annotations

import logging

import discord
from discord.ext import commands, tasks

from bot.domain.model import JobState
from bot.errors import StoreError
from bot.ui.interactions.services import Darkroom

EVERY_S = 30.0

log = logging.getLogger(__name__)


class Presence(commands.Cog):
    """Shows the load in the bot's status; sends it to Discord only when it changed."""

    def __init__(self, bot: Darkroom) -> None:
        self._bot = bot
        self._shown = ""

    async def cog_load(self) -> None:
        """Begin when the cog is added."""
        self.refresh.start()

    async def cog_unload(self) -> None:
        """End with the client."""
        self.refresh.cancel()

    @tasks.loop(seconds=EVERY_S)
    async def refresh(self) -> None:
        """Update the status line with the number of running and waiting jobs."""
        if not self._bot.is_ready():
            return
        try:
            jobs = await self._bot.services.jobs.active()
        except StoreError as error:
            log.warning("load not read: %s", error, extra={"action": "presence"})
            return
        drawn = sum(job.state is JobState.RUNNING for job in jobs)
        await self._show(load(drawn, len(jobs) - drawn))

    async def _show(self, text: str) -> None:
        if text == self._shown:
            return
        try:
            await self._bot.change_presence(activity=discord.CustomActivity(text))
        except ConnectionError as error:
            log.info("status not shown: %s", error, extra={"action": "presence"})
        else:
            self._shown = text


def load(drawn: int, waiting: int) -> str:
    """The load in a few words."""
    if not drawn and not waiting:
        return "Ready: /imagine"
    return f"Drawing {drawn}, {waiting} waiting" if waiting else f"Drawing {drawn}"
