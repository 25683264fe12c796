"""The bot as a process on the little Discord, and what must hold whatever happened to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.ui.interactions.pending_answers import INTERRUPTED
from tests.integration.bot_process import BotProcess
from tests.wire.server import Discord, brief, running, text
from tests.wire.world import Interaction


@asynccontextmanager
async def bot(tmp_path: Path, model: Path, **environment: str) -> AsyncIterator[BotProcess]:
    async with running() as discord:
        process = BotProcess(discord, tmp_path / "data", model, **environment)
        try:
            await process.start()
            yield process
        finally:
            discord.faults.calm()
            await process.stop()


async def ask(discord: Discord, prompt: str = "a red apple --steps 8", **options: Any) -> Interaction:
    return await discord.command("imagine", prompt=prompt, **options)


def was_told(discord: Discord, asked: Interaction) -> bool:
    """A crash before the wish was written down: the member knows to ask again."""
    reply = discord.reply(asked)
    return reply is not None and reply["content"] == INTERRUPTED


async def everything_is_well(process: BotProcess, jobs: int) -> None:
    """No job lost or doubled, nobody charged twice, no message left thinking, nothing Discord would refuse."""
    discord = process.discord
    await discord.until(lambda: not process.rows("select 1 from outbox"), 120)
    states = [state for (state,) in process.rows("select state from jobs")]
    assert len(states) == jobs, states
    assert set(states) <= {"delivered", "cancelled"}, (states, process.said())
    assert discord.world.thinking() == [], [brief(m) for m in discord.world.shown()]
    assert not [brief(m) for m in discord.world.shown() if "⏳" in text(m)], "nothing waits any more"
    assert discord.world.violations == []
