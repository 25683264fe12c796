"""Which channels everybody on their server can read; written by the bot, read by the gallery."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.database import Database
from bot.store.schema_gallery import open_channels


class OpenChannelStore:
    """Keeps the table equal to what Discord says; writes only what changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def replace(self, guild_id: int, channel_ids: Collection[int]) -> None:
        """Make these the open channels of a server."""
        async with self._database.read() as connection:
            if await _of(connection, guild_id) == set(channel_ids):
                return
        async with self._database.write() as connection:
            known, wanted = await _of(connection, guild_id), set(channel_ids)
            await connection.execute(sa.delete(open_channels).where(open_channels.c.channel_id.in_(known - wanted)))
            rows = [{"channel_id": channel_id, "guild_id": guild_id} for channel_id in sorted(wanted - known)]
            if rows:
                await connection.execute(sa.insert(open_channels), rows)

    async def keep_only(self, guild_ids: Collection[int]) -> None:
        """Delete the channels of this bot's other servers: the bot is no longer there."""
        here = self._database.ours(open_channels.c.guild_id)
        async with self._database.read() as connection:
            known = set(await connection.scalars(sa.select(open_channels.c.guild_id).where(*here).distinct()))
        for guild_id in known.difference(guild_ids):
            await self.replace(guild_id, ())


async def _of(connection: AsyncConnection, guild_id: int) -> set[int]:
    here = sa.select(open_channels.c.channel_id).where(open_channels.c.guild_id == guild_id)
    return set(await connection.scalars(here))
