"""Runs the playground: the bot on SimCord, and its page in the browser, until the user ends it."""

# pyright: reportPrivateUsage=false
# (see the package's docstring)

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import tempfile
import webbrowser
from collections.abc import Generator
from pathlib import Path
from typing import Any

import discord
import simcord
import tzlocal
from rich.console import Console
from simcord import _dpy_internals
from simcord.backend.errors import SetupError

from bot.app import App, build
from bot.errors import ConfigError
from bot.folders import writable
from bot.playground import emojis, world
from bot.playground.clock import WallClock
from bot.playground.friends import Friends
from bot.playground.page import LivePreview
from bot.playground.world_store import WorldStore
from bot.settings import Settings
from bot.stop_signals import on_stop
from engine import Engine

log = logging.getLogger(__name__)

SETTLE_S = 10.0
"""Seconds that the page waits for the answer to an action, for example a form. It never waits for jobs."""


async def play(settings: Settings, port: int, data: Path | None, browser: bool, engine: Engine | None = None) -> None:
    """Serve the page until Ctrl-C, SIGTERM, or the end of the session in the page. Raises `ConfigError`."""
    console = Console(stderr=True)
    with (
        _folder(data) as folder,
        contextlib.ExitStack() as outliving,
        console.status("starting the engine and the model…"),
    ):
        context = contextvars.Context()
        async with build(
            settings.model_copy(
                update={
                    "data_dir": folder,
                    "styles": settings.styles or dict(world.STYLES),
                    "operation": settings.operation.model_copy(update={"share_database": False}),
                }
            ),
            engine=engine,
            context=context,
            fetch=discord.Attachment.read,
            shard_count=1,
        ) as app:
            await _serve(app, outliving, context, folder, port, browser, console)


@contextlib.contextmanager
def _folder(data: Path | None) -> Generator[Path]:
    if data is not None:
        yield writable(data, "--data")
        return
    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        yield Path(folder)


async def _serve(
    app: App,
    outliving: contextlib.ExitStack,
    context: contextvars.Context,
    folder: Path,
    port: int,
    browser: bool,
    console: Console,
) -> None:
    env = simcord.Env(app.client, settle_timeout=SETTLE_S, check_errors=False)
    env.backend.clock = WallClock()
    # Jobs may edit their messages until the app has ended.
    kept = outliving.enter_context(contextlib.closing(WorldStore(env, folder)))
    with kept.numbers():
        built = world.build(env)
    is_known = kept.restore()
    await env.start()
    emojis.keep_pictures(env, app.client.http)
    try:
        # Jobs run in a context of their own: they reach the simulated Discord, but no action waits for them.
        context.run(_dpy_internals.set_webhook_adapter, env._webhook_adapter)
        if not is_known:
            await app.client.get_partial_messageable(built.channel.id).send(world.WELCOME)
        await app.services.job_service.start()
        await _show(env, built, port, browser, console)
    finally:
        await end(env)


async def _show(env: simcord.Env, built: world.World, port: int, browser: bool, console: Console) -> None:
    preview: Any = env.preview(
        built.channel, viewers=built.members, layout="channel", port=port, timezone=str(tzlocal.get_localzone())
    )
    friends = Friends(env, built.channel, built.friends)
    LivePreview(preview, port, friends)
    try:
        async with preview:
            console.print(f"[bold]Darkroom playground:[/] {preview.url}", soft_wrap=True)
            console.print("Type /imagine there. Ctrl-C ends it.")
            if browser:
                webbrowser.open(preview.url)
            await _until_ended(preview)
    except SetupError as error:
        why = f"port {port} is taken or needs more rights; choose another port, or 0 for any free port"
        raise ConfigError("--port", why) from error
    finally:
        await friends.close()


async def end(env: simcord.Env) -> None:
    """Leave the simulated Discord. Threads cannot be stopped, so wait for those that still draw."""
    while True:
        try:
            return await env.shutdown()
        except TimeoutError:
            log.info("a picture is still being drawn; the playground ends afterwards")


async def _until_ended(preview: Any) -> None:
    ended = asyncio.ensure_future(preview.wait_closed())
    on_stop(ended.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await ended
    log.info("playground ended")
