"""Several bots as processes over one PostgreSQL and one folder of pictures, and what their books say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from tests.bot.store.postgres import FreshPostgres
from tests.integration.bot_process import BotProcess
from tests.wire.server import Discord, running
from tests.wire.world import GUILD_ID, OTHER_GUILD_ID

LEASE_S = 3


class Crew:
    """Bots that share everything but their process."""

    def __init__(self, discord: Discord, url: str, bots: list[BotProcess]) -> None:
        self.discord, self.url, self.bots = discord, url, bots

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Look into their database."""
        engine = create_async_engine(self.url)
        try:
            async with engine.connect() as connection:
                return [tuple(row) for row in await connection.execute(sa.text(query))]
        finally:
            await engine.dispose()

    async def until_none(self, query: str, within_s: float = 120.0) -> None:
        """Wait until a query finds nothing."""
        deadline_s = time.monotonic() + within_s
        while found := await self.rows(query):
            assert time.monotonic() < deadline_s, (query, found, self.said())
            await asyncio.sleep(0.2)

    async def until_each_shard_has_one(self, within_s: float = 120.0) -> None:
        """Wait until every shard is listened to, by one bot."""
        shards = range(self.discord.world.shards)
        await self.discord.until(lambda: all(self.discord.gateway.holders(each) == 1 for each in shards), within_s)

    def said(self) -> str:
        """The ends of their logs."""
        return "\n".join(f"--- {bot.data.name}\n{bot.said()}" for bot in self.bots)


@asynccontextmanager
async def crew(tmp_path: Path, model: Path, bots: int = 2, shards: int = 2) -> AsyncIterator[Crew]:
    """Bots that are up; each shard has one."""
    async with FreshPostgres() as url, running() as discord:
        discord.world.guilds, discord.world.shards = (GUILD_ID, OTHER_GUILD_ID), shards
        shared = {
            "DARKROOM_DATABASE_URL": url,
            "DARKROOM_PICTURES_URL": str(tmp_path / "pictures"),
            "DARKROOM_OPERATION__SHARE_DATABASE": "true",
            "DARKROOM_OPERATION__LEASE_S": str(LEASE_S),
            "DARKROOM_OPERATION__STOP_TIMEOUT_S": "1",
            "DARKROOM_DISCORD__PICTURE_ORIGINS": f'["http://{discord.host}"]',
        }
        processes = [BotProcess(discord, tmp_path / f"bot{number}", model, **shared) for number in range(bots)]
        found = Crew(discord, url, processes)
        try:
            await asyncio.gather(*(process.start() for process in processes))
            await found.until_each_shard_has_one()
            yield found
        finally:
            discord.faults.calm()
            await asyncio.gather(*(process.stop() for process in processes))
