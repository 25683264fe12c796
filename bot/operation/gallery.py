"""Runs the gallery as a child process of the bot, so that its load never slows the bot's event loop."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress

from bot.gallery.plan import DISCORD, GalleryPlan
from bot.operation import invite
from bot.settings import Settings
from bot.store.gallery import traces

AGAIN_S, AGAIN_AT_MOST_S = 1.0, 60.0
"""Seconds until an ended process is started again: doubled each time."""
ENDS_WITHIN_S = 5.0
_SECRETS = ("DISCORD_TOKEN", "DISCORD_TOKEN_FILE", "DARKROOM_")

log = logging.getLogger(__name__)


def plan_of(settings: Settings, discord: str = DISCORD) -> GalleryPlan | None:
    """Return what the gallery is told; None where it is off."""
    gallery = settings.operation.gallery
    if gallery.port is None:
        return None
    return GalleryPlan(
        data_dir=settings.data_dir,
        database=settings.database,
        pictures=settings.pictures_url or str(settings.data_dir / "pictures"),
        port=gallery.port,
        listen=str(gallery.listen),
        url=gallery.url.rstrip("/"),
        title=gallery.title,
        client_id=invite.application_id(settings.discord.token.get_secret_value()),
        client_secret=gallery.client_secret.get_secret_value(),
        discord=discord,
        log_level=settings.operation.log_level,
        log_format=settings.operation.log_format,
    )


@asynccontextmanager
async def running(settings: Settings, plan: GalleryPlan | None) -> AsyncGenerator[None]:
    """Keep the gallery's process alive while the block runs. Where it is off, its file is deleted."""
    if plan is None:
        await asyncio.to_thread(traces.forget, settings.data_dir)
        yield
        return
    keeping = asyncio.create_task(_keep_alive(plan), name="gallery")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def _keep_alive(plan: GalleryPlan) -> None:
    pause_s = AGAIN_S
    while True:
        process = await _start(plan)
        began_s = asyncio.get_running_loop().time()
        try:
            code = await process.wait()
        finally:
            await _end(process)
        if asyncio.get_running_loop().time() - began_s > AGAIN_AT_MOST_S:
            pause_s = AGAIN_S
        log.warning("the gallery ended (%s); again in %.0f s", code, pause_s, extra={"action": "gallery"})
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, AGAIN_AT_MOST_S)


async def _start(plan: GalleryPlan) -> Process:
    command = (sys.executable, "-m", "bot.gallery")
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, env=_without_secrets(os.environ))
    if process.stdin is not None:
        process.stdin.write(plan.model_dump_json().encode() + b"\n")
        with suppress(ConnectionError):
            await process.stdin.drain()
    return process


async def _end(process: Process) -> None:
    """Close its stdin, which ends it; kill it when it does not end."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(ENDS_WITHIN_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """A process that answers strangers gets neither the token nor any setting it does not need."""
    return {name: value for name, value in environment.items() if not name.startswith(_SECRETS)}
