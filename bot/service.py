"""`darkroom run`: the app on Discord, from start to a clean end."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable

import discord
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_exponential_jitter

from bot.app import App, build
from bot.client import DarkroomClient
from bot.errors import ConfigError
from bot.operation import gallery, http
from bot.operation.shard_keeper import ShardKeeper
from bot.settings import Settings
from bot.stop_signals import on_stop
from bot.tasks import end
from bot.ui.discord_errors import REFUSALS
from engine import Engine

ANSWERS_WITHIN_S = 3.0
"""How many seconds a stop waits for pending answers."""

TOKEN_RESET = 4004
"""The gateway's word for a token that no longer holds."""

log = logging.getLogger(__name__)


async def serve(settings: Settings, engine: Engine | None = None) -> None:
    """Run until SIGTERM, SIGINT, SIGHUP, or a token that Discord does not take.

    On a signal: take nothing more, let running jobs finish for `operation.stop_timeout_s`, park the rest.
    """
    async with build(settings, engine=engine) as app, app.client:
        stopping = asyncio.Event()
        on_stop(stopping.set)
        async with (
            http.serve(settings.operation.http_port, app.gauges.health, app.gauges.read),
            gallery.running(settings, gallery.plan_of(settings)),
        ):
            await _until(stopping, app)


async def _until(stopping: asyncio.Event, app: App) -> None:
    connection = asyncio.create_task(_connect(app), name="connection")
    stop = asyncio.create_task(stopping.wait(), name="signal")
    rounds = asyncio.gather(app.housekeeping.run(), app.gauges.lag.run())
    try:
        await asyncio.wait({connection, stop, app.evicted}, return_when=asyncio.FIRST_COMPLETED)
        if app.evicted.done():
            app.evicted.result()
        if connection.done():
            _explain(connection)
    finally:
        log.info("stopping", extra={"action": "stop"})
        stop.cancel()
        rounds.cancel()
        await app.services.job_service.stop(app.services.settings.operation.stop_timeout_s)
        await app.client.answer_tracker.all_said(ANSWERS_WITHIN_S)
        connection.cancel()
        await asyncio.gather(connection, stop, rounds, return_exceptions=True)


async def _connect(app: App) -> None:
    """Jobs left over are taken up before the first event arrives: replies need REST only, not the gateway."""
    token = app.services.settings.discord.token.get_secret_value()
    await _patiently(lambda: _log_in(app.client, token))
    if app.keeper is not None:
        await _connect_beside_others(app, app.keeper)
        return
    await app.services.job_service.start()
    await app.client.leftovers.recall()  # before an event arrives that repeats one of them
    taking_up = asyncio.create_task(app.client.leftovers.take_up(), name="leftovers")
    _is_ready()
    try:
        await _stay_connected(app.client)
    finally:
        taking_up.cancel()


async def _connect_beside_others(app: App, keeper: ShardKeeper) -> None:
    """Shards, and what is left over on them, are taken up as the keeper gets them."""
    await _patiently(lambda: _agree(app, keeper))
    await app.services.job_service.start()
    _is_ready()
    keeping = asyncio.create_task(keeper.run(app.client, app.services.job_service, app.client.leftovers), name="shards")
    connecting = asyncio.create_task(_stay_connected(app.client), name="connected")
    try:
        await asyncio.wait({keeping, connecting}, return_when=asyncio.FIRST_COMPLETED)
        for task in (keeping, connecting):
            if task.done():
                task.result()
    finally:
        for task in (keeping, connecting):
            task.cancel()
        await asyncio.gather(keeping, connecting, return_exceptions=True)


async def _stay_connected(client: DarkroomClient) -> None:
    connecting = asyncio.create_task(_patiently(client.connect), name="gateway")
    try:
        await asyncio.wait({connecting})
        connecting.result()
    finally:
        await end(connecting)


def _is_ready() -> None:
    # All that is there by now stays; each look at it for garbage would hold every reply up for a tenth of a second.
    gc.freeze()
    log.info("ready", extra={"action": "ready"})


async def _agree(app: App, keeper: ShardKeeper) -> None:
    recommended, _, limits = await app.client.http.get_bot_gateway()
    configured = app.services.settings.discord.shard_count
    await keeper.agree(configured, recommended, limits["max_concurrency"])


async def _log_in(client: DarkroomClient, token: str) -> None:
    """Anew each time: a login that Discord did not answer leaves its session open."""
    await client.http.close()
    client.http.connector = discord.utils.MISSING
    await client.login(token)


async def _patiently(knock: Callable[[], Awaitable[None]]) -> None:
    """Knock until Discord answers: after a power cut the bot is often up before the network is."""
    unreachable = retry_if_exception_type((*REFUSALS, discord.GatewayNotFound))
    calm = wait_exponential_jitter(initial=1, max=60)
    async for attempt in AsyncRetrying(retry=unreachable, wait=calm, before_sleep=_say_unreachable):
        with attempt:
            await knock()


def _say_unreachable(knocked: RetryCallState) -> None:
    why, wait_s = knocked.outcome and knocked.outcome.exception(), knocked.upcoming_sleep
    log.warning("Discord cannot be reached (%s); trying again in %.0f s", why, wait_s, extra={"action": "connect"})


def _explain(connection: asyncio.Task[None]) -> None:
    """A connection that ends by itself: say why in words the host can act on."""
    try:
        connection.result()
    except discord.LoginFailure:
        raise _token_refused() from None
    except discord.ConnectionClosed as error:
        if error.code == TOKEN_RESET:
            raise _token_refused() from None
        raise
    except discord.PrivilegedIntentsRequired:
        raise ConfigError("discord", "a privileged intent was refused, though Darkroom asks for none") from None


def _token_refused() -> ConfigError:
    return ConfigError("DISCORD_TOKEN", "Discord refuses it; reset it in the Developer Portal and set it anew")
