"""Processes that tests kill: forked from one that has imported the bot already, or each start would cost seconds."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.bot.domain.killed_studio", "tests.integration.ledger_process"])

Say = Callable[[str], None]
"""Tells the test something."""


class Killable:
    """A process that runs `work(say, *arguments)`."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        self._heard, said = _FORKS.Pipe(duplex=False)
        self._process = _FORKS.Process(target=_run, args=(work, said, arguments))
        self._process.start()
        said.close()

    async def hear(self) -> str:
        """What it says next; raises `EOFError` once it is gone."""
        return await asyncio.to_thread(self._heard.recv)

    async def kill(self) -> None:
        self._process.kill()
        await self.end()

    async def end(self) -> int | None:
        """Wait until it is gone; its exit code."""
        await asyncio.to_thread(self._process.join)
        self._heard.close()
        return self._process.exitcode


def _run(work: Callable[..., None], said: Connection, arguments: tuple[Any, ...]) -> None:
    work(said.send, *arguments)
