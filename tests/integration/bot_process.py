"""The bot as a real process against the little Discord: started, stopped, killed, started again."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from tests.wire.server import Discord
from tests.wire.world import TOKEN

ROOT = Path(__file__).parents[2]


class BotProcess:
    """`darkroom run` with its data in one folder."""

    def __init__(self, discord: Discord, data: Path, model: Path | str, **environment: str) -> None:
        self.discord, self.data = discord, data
        self._process: asyncio.subprocess.Process | None = None
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("DARKROOM_", "DISCORD_"))},
            "DISCORD_TOKEN": TOKEN,
            "DARKROOM_DATA_DIR": str(data),
            "DARKROOM_ENGINE__DEFAULT_MODEL": str(model),
            "DARKROOM_ENGINE__THREADS": "1",
            "DARKROOM_OPERATION__LOG_LEVEL": "info",
            "HF_HUB_OFFLINE": "1",
            "DARKROOM_ENGINE__SAFETY": "false",
            **environment,
        }
        self.log = data.parent / f"{data.name}.log"

    async def start(self) -> None:
        """Start it and wait until it is ready on the gateway and its commands are there."""
        log = self.log.open("ab")
        command = (sys.executable, "-m", "tests.wire.bot", self.discord.host, "run")
        self._process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
        )
        ready = asyncio.ensure_future(self.discord.gateway.ready.wait())
        ended = asyncio.ensure_future(self._process.wait())
        await asyncio.wait((ready, ended), timeout=120, return_when=asyncio.FIRST_COMPLETED)
        assert ready.done(), f"the bot did not come up:\n{self.said()}"
        ended.cancel()
        await self.discord.until(lambda: self.discord.world.commands, 120)

    @property
    def exit_code(self) -> int | None:
        """None while it lives."""
        return self._process.returncode if self._process else None

    def workers(self) -> list[psutil.Process]:
        """What it has started, and what that has: the last one draws."""
        return psutil.Process(self._process.pid).children(recursive=True) if self._process else []

    async def kill(self) -> None:
        """SIGKILL: no time to say good-bye."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()
        self.discord.gateway.ready.clear()

    async def stop(self, by: signal.Signals = signal.SIGTERM) -> float:
        """Ask it to end; the seconds it took."""
        assert self._process is not None
        began = time.monotonic()
        if self._process.returncode is None:
            self._process.send_signal(by)
            await asyncio.wait_for(self._process.wait(), 120)
        self.discord.gateway.ready.clear()
        return time.monotonic() - began

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Look into its database."""
        with sqlite3.connect(self.data / "darkroom.sqlite3") as connection:
            return connection.execute(query).fetchall()
