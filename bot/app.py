"""The composition root: from settings to a running bot, in an order that can be undone."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from bot.client import DarkroomClient
from bot.composition import Composition
from bot.direct_rules import direct_rules
from bot.exclusive_or_shared import exclusive_or_shared
from bot.folders import writable
from bot.operation.housekeeping import Housekeeping
from bot.operation.metrics import Gauges
from bot.operation.shard_keeper import ShardKeeper
from bot.settings import Settings
from bot.store.backup.restore import finish_restore
from bot.store.database import Database
from bot.store.members.retention import Retention
from bot.tasks import Tasks
from bot.ui.interactions.services import Services
from bot.ui.job_reply.reply_message import now
from bot.ui.pictures.compositing import Drawing
from bot.ui.pictures.uploads import Download, Fetch
from engine import Engine


@dataclass(frozen=True)
class App:
    """The running bot; `client` is not connected yet and the job service not started."""

    services: Services
    client: DarkroomClient
    housekeeping: Housekeeping
    gauges: Gauges
    evicted: asyncio.Future[None]
    """Fails when another bot has come to use the database."""
    keeper: ShardKeeper | None = None
    """Where several bots share the database: what keeps this bot's shards."""


@asynccontextmanager
async def build(
    settings: Settings,
    *,
    engine: Engine | None = None,
    context: contextvars.Context | None = None,
    fetch: Fetch | None = None,
    clock: Callable[[], datetime] = now,
    shard_count: int | None = None,
) -> AsyncGenerator[App]:
    """Open everything, and close it in reverse.

    `engine` is one of the same settings that has begun its imports. `context` is where background work runs (see
    `Tasks`); `fetch` gets members' uploads, by default from Discord.
    Raises `ConfigError` and `MigrationFailed`.
    """
    async with AsyncExitStack() as opened:
        direct_rules(settings.direct_messages)  # what is wrong in it is said before anything is opened
        writable(settings.data_dir, "data_dir")
        await finish_restore(settings)
        database = await Database.connect(settings.database)
        opened.push_async_callback(database.close)
        # Before the migration: another bot may be using the database as it is.
        evicted, lease = await opened.enter_async_context(exclusive_or_shared(settings, database))
        executor = ThreadPoolExecutor(2, thread_name_prefix="drawing")
        opened.callback(executor.shutdown, wait=True, cancel_futures=True)
        engine = await opened.enter_async_context(engine or Engine(settings.engine))
        engine.load()
        tasks = Tasks(context)
        opened.push_async_callback(tasks.stop)
        made = Composition(
            settings=settings, database=database, lease=lease, engine=engine, drawing=Drawing(executor), tasks=tasks,
            fetch=fetch or Download(settings.discord.picture_origins), clock=clock,
        )  # fmt: skip
        yield _assembled(made, evicted, shard_count)


def _assembled(made: Composition, evicted: asyncio.Future[None], shard_count: int | None) -> App:
    settings, database, lease, services = made.settings, made.database, made.lease, made.services
    keeper = ShardKeeper(lease, database.shards, made.tasks) if lease and database.shards else None
    shard_count = shard_count or settings.discord.shard_count
    client = DarkroomClient(services, made.replies, shard_count=shard_count, dealer=keeper)
    retention = Retention(database, services.pictures)
    housekeeping = Housekeeping(settings, database, services.rules, retention, made.clock)

    def latency_s() -> float | None:
        return client.latency_s if client.is_ready() else None

    gauges = Gauges(made.engine, services.statistics, settings.data_dir, latency_s, database)
    return App(services, client, housekeeping, gauges, evicted, keeper)
