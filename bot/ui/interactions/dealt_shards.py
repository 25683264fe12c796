"""A client whose shards are opened and closed one by one while it runs, where several bots share them out."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from discord.ext import commands
from discord.gateway import DiscordWebSocket

from bot.shards import shard_of


class Dealer(Protocol):
    """Deals out the shards."""

    @property
    def count(self) -> int:
        """The number of all shards."""
        ...

    @property
    def held(self) -> frozenset[int]:
        """The shards of this bot."""
        ...

    async def turn_to_identify(self, shard_id: int) -> None:
        """Wait until a shard may identify. Raises `CancelledError` when it is not this bot's any more."""
        ...


class DealtShards(commands.AutoShardedBot):
    """An `AutoShardedBot` with a dealer has the shards that the dealer gives it; without one it has all."""

    def __init__(self, *args: Any, dealer: Dealer | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dealer = dealer
        self._may_open, self._there = asyncio.Event(), dict[int, asyncio.Event]()

    async def launch_shards(self) -> None:
        """Open all shards, or begin without any where a dealer gives them."""
        if self.dealer is None:
            await super().launch_shards()
            return
        self.shard_count = self._connection.shard_count = self.dealer.count
        self._may_open.set()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Wait for this shard's turn: Discord allows one identify in 5 s, of all bots together."""
        if self.dealer is None or shard_id is None:
            await super().before_identify_hook(shard_id, initial=initial)
        else:
            await self.dealer.turn_to_identify(shard_id)

    async def on_shard_ready(self, shard_id: int) -> None:
        """Note that the servers of a shard are known; where it was the last one missing, the bot is ready."""
        self._of(shard_id).set()
        if self.dealer is not None and self.is_ready():
            self.dispatch("ready")

    @property
    def opened(self) -> frozenset[int]:
        """The shards whose connection is open."""
        return frozenset(shard_id for shard_id, shard in self.shards.items() if not shard.is_closed())

    async def open_shard(self, shard_id: int) -> None:
        """Connect a shard, trying until it is connected."""
        await self._may_open.wait()
        await self.launch_shard(DiscordWebSocket.DEFAULT_GATEWAY, shard_id)

    async def close_shard(self, shard_id: int) -> None:
        """End the connection of a shard; does nothing where there is none."""
        self._of(shard_id).clear()
        for guild in [guild for guild in self.guilds if guild.shard_id == shard_id]:
            self._connection._remove_guild(guild)  # pyright: ignore[reportPrivateUsage]
        if shard := self.get_shard(shard_id):
            await shard.disconnect()

    async def change_presence(self, *, shard_id: int | None = None, **shown: Any) -> None:
        """Set the status line, of one shard or of all that are open."""
        if self.dealer is None or shard_id is not None:
            await super().change_presence(shard_id=shard_id, **shown)
            return
        for each in self.opened:
            await super().change_presence(shard_id=each, **shown)

    async def wait_until_there(self, guild_id: int | None) -> None:
        """Wait until the shard of a server, or of direct messages (None), is ready: the bot then knows the server."""
        if self.dealer is None:
            await self.wait_until_ready()
        else:
            await self._of(shard_of(guild_id, self.dealer.count)).wait()

    def is_ready(self) -> bool:
        """Whether all shards of this bot are ready; a bot that waits for another one's shards is."""
        if self.dealer is None:
            return super().is_ready()
        return all(self._of(shard_id).is_set() for shard_id in self.dealer.held)

    @property
    def latency_s(self) -> float:
        """The mean latency of the shards in seconds; 0 for a bot that waits for another one's shards."""
        if self.dealer is None:
            return self.latency
        latencies = [latency for shard_id, latency in self.latencies if shard_id in self.opened]
        return sum(latencies) / len(latencies) if latencies else 0.0

    def _of(self, shard_id: int) -> asyncio.Event:
        return self._there.setdefault(shard_id, asyncio.Event())
