"""Background tasks with an owner: kept, named, their failures logged, all ended together."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import AsyncGenerator, Awaitable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

_CANCEL_AGAIN_S = 1.0

log = logging.getLogger(__name__)


class Tasks:
    """Starts tasks in one context, whoever asks for them.

    A job outlives the click that began it. With its own context it inherits nothing of that click (logging fields,
    SimCord's "is the bot still busy with this action?"): give `context` to choose which.
    """

    def __init__(self, context: contextvars.Context | None = None) -> None:
        self._context = context
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run a coroutine in the background."""
        context = (self._context or contextvars.Context()).copy()
        # Started inside that context too: SimCord takes a task for the caller's own by where it was created.
        task = context.run(partial(asyncio.get_running_loop().create_task, coroutine, name=name, context=context))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def stop(self) -> None:
        """Cancel what still runs and wait for it."""
        running = [task for task in self._running if task is not asyncio.current_task()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("background task %s failed", task.get_name(), exc_info=error)


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel a task until it has ended: discord.py drops a cancellation that comes while a shard connects."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_CANCEL_AGAIN_S)


async def first_of(*waits: Awaitable[object]) -> None:
    """Wait until one of them is done, and cancel the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def held(lock: asyncio.Lock, until: asyncio.Event) -> AsyncGenerator[None]:
    """Hold a lock. Once `until` is set nobody waits for it any longer: the body runs without it."""
    acquiring, ending = asyncio.ensure_future(lock.acquire()), asyncio.ensure_future(until.wait())
    try:
        await asyncio.wait((acquiring, ending), return_when=asyncio.FIRST_COMPLETED)
        yield
    finally:
        ending.cancel()
        if not acquiring.cancel():
            lock.release()
