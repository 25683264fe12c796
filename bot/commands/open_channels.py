"""Notes which channels everybody can read, as members and moderators change them."""

from __future__ import annotations

import logging

import discord
from discord.abc import GuildChannel
from discord.ext import commands, tasks

from bot.errors import StoreError
from bot.ui.interactions.asker import is_open
from bot.ui.interactions.services import Darkroom

AGAIN_MIN = 10.0
"""Minutes between two looks at all servers: what an event missed is found."""

log = logging.getLogger(__name__)


class OpenChannels(commands.Cog):
    """Keeps the table of open channels; the gallery's process reads it."""

    def __init__(self, bot: Darkroom) -> None:
        self._bot = bot
        self._due: dict[int, discord.Guild] = {}
        self._is_looking = False

    async def cog_load(self) -> None:
        """Begin when the cog is added."""
        self.look_at_all.start()

    async def cog_unload(self) -> None:
        """End with the client."""
        self.look_at_all.cancel()

    @tasks.loop(minutes=AGAIN_MIN)
    async def look_at_all(self) -> None:
        """Look at every server."""
        if self._bot.is_ready():
            await self.on_ready()

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """What changed while the bot was away, or servers it has left."""
        store = self._bot.services.open_channels
        if store is None:
            return
        try:
            await store.keep_only([guild.id for guild in self._bot.guilds])
        except StoreError as error:
            log.warning("open channels not noted: %s", error, extra={"action": "gallery"})
        await self._look(*(guild for guild in self._bot.guilds if not guild.unavailable))

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        """It came back after an outage."""
        await self._look(guild)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """A new server."""
        await self._look(guild)

    @commands.Cog.listener()
    async def on_guild_update(self, _: discord.Guild, after: discord.Guild) -> None:
        """It may have become age-restricted."""
        await self._look(after)

    @commands.Cog.listener()
    async def on_guild_remove(self, _: discord.Guild) -> None:
        """The bot was removed from it."""
        await self.on_ready()

    @commands.Cog.listener()
    async def on_guild_channel_create(self, channel: GuildChannel) -> None:
        """A new channel."""
        await self._look(channel.guild)

    @commands.Cog.listener()
    async def on_guild_channel_update(self, _: GuildChannel, after: GuildChannel) -> None:
        """Other permissions, or an age restriction."""
        await self._look(after.guild)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: GuildChannel) -> None:
        """It is gone with everything in it."""
        await self._look(channel.guild)

    @commands.Cog.listener()
    async def on_guild_role_update(self, _: discord.Role, after: discord.Role) -> None:
        """What everybody may."""
        if after.is_default():
            await self._look(after.guild)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """Its messages are gone, and nobody is told of each."""
        await self._bot.services.jobs.channel_gone(payload.thread_id)

    async def _look(self, *guilds: discord.Guild) -> None:
        """Note the open channels; changes that come meanwhile are noted together afterwards."""
        store = self._bot.services.open_channels
        self._due |= {guild.id: guild for guild in guilds}
        if store is None or self._is_looking:
            return
        self._is_looking = True
        try:
            while self._due:
                _, guild = self._due.popitem()
                await store.replace(guild.id, {each.id for each in guild.channels if is_open(each)})
        except StoreError as error:
            log.warning("open channels not noted: %s", error, extra={"action": "gallery"})
        finally:
            self._is_looking = False
