"""Shards: the parts into which Discord divides servers, and which of them belong to this bot."""

from __future__ import annotations


def shard_of(guild_id: int | None, count: int) -> int:
    """Return the shard of a server; direct messages (None) belong to shard 0.

    Source: https://docs.discord.com/developers/events/gateway#sharding
    """
    return ((guild_id or 0) >> 22) % count


def fair_share(shards: int, bots: int, rank: int) -> int:
    """Return how many of `shards` the bot number `rank` (from 0) of `bots` should have; the shares add up to all."""
    return shards // bots + (rank < shards % bots)


class HeldShards:
    """The shards that belong to this bot at the moment, of `count` in all. What is about their servers is its work."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.ids: frozenset[int] = frozenset()

    def has(self, guild_id: int | None) -> bool:
        """Whether a server, or direct messages (None), belong to this bot."""
        return shard_of(guild_id, self.count) in self.ids
