"""Forty people vote over a real gateway and REST while the engine is full: how soon each vote is confirmed."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.integration.wired import ask, bot
from tests.wire.server import Discord, buttons
from tests.wire.world import Interaction

pytestmark = [pytest.mark.wire, pytest.mark.timeout(300)]

VOTERS, ROUNDS, JOBS, ALONE = 40, 3, 20, 8
"""`ALONE` is even: a second press takes the vote back."""
EVERY_S = 0.05
"""Forty people in two seconds."""
MOST_TIMES_SLOWER = 100
"""Than one vote after another beside the same engine: on a busy machine both take longer."""
MOST_EDITS, PER_S = 5, 5.0
"""Discord's limit of a channel."""


async def test_forty_vote_while_the_engine_is_full(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        first = await ask(discord)
        grid = await discord.until(lambda: discord.grid(first))
        pressed = await discord.press(grid, "Let the group decide")
        paper = await discord.until(lambda: paper_of(discord, pressed))
        alone = [await confirmed(discord, await discord.press(paper, "A", user=500)) for _ in range(ALONE)]
        for number in range(JOBS):
            await ask(discord, f"thing {number} --steps 500", user=100 + number)
        await discord.until(lambda: process.rows("select count(*) from jobs where state = 'running'") >= [(1,)])
        voting = [await vote(discord, paper, number, turn) for turn in range(ROUNDS) for number in range(VOTERS)]
        took = await asyncio.gather(*voting)
        among = [await confirmed(discord, await discord.press(paper, "A", user=500)) for _ in range(ALONE)]
        ((busy,),) = process.rows("select count(*) from jobs where state in ('queued', 'running')")
        assert busy >= JOBS / 2, "the engine was full all the time"
        await discord.until(lambda: re.search(rf"\b{VOTERS} voted", shown(discord, paper)["content"]))
        assert discord.limits.refused == [], "no 429"
        assert most_within(discord.world.edits.get(int(paper["id"]), []), PER_S) <= MOST_EDITS
        assert discord.world.violations == []
        p50, p95, idle, full = statistics.median(took), share(took, 0.95), statistics.median(alone), max(among)
        told = f"confirmed in {1e3 * p50:.0f} ms (p50), {1e3 * p95:.0f} ms (p95)"
        alone_told = (
            f"one after another: {1e3 * idle:.0f} ms (p50) idle, at most {1e3 * full:.0f} ms with the engine full"
        )
        with capsys.disabled():
            print(f"\n{len(took)} votes of {VOTERS} people, engine full: {told}; {alone_told}")
        assert p95 <= MOST_TIMES_SLOWER * full


async def vote(discord: Discord, paper: dict[str, Any], number: int, turn: int) -> asyncio.Task[float]:
    """Press, and do not wait for the answer."""
    await asyncio.sleep(EVERY_S)
    pressed = await discord.press(paper, "ABCD"[(number + turn) % 4], user=1000 + number)
    return asyncio.create_task(confirmed(discord, pressed))


async def confirmed(discord: Discord, pressed: Interaction) -> float:
    """How many seconds after the press the voter could read what became of it."""
    await discord.until(lambda: _says(discord, pressed))
    is_first = (pressed.callback or {}).get("type") == 4
    return (pressed.acked_after or 0.0) if is_first else time.time() - pressed.sent_at


def _says(discord: Discord, pressed: Interaction) -> bool:
    told = (discord.reply(pressed) or {}).get("content", "")
    return "Your vote" in told or "Your ballot" in told


def paper_of(discord: Discord, pressed: Interaction) -> dict[str, Any] | None:
    found = discord.reply(pressed)
    return found if found and "A" in [button.get("label") for button in buttons(found)] else None


def shown(discord: Discord, message: dict[str, Any]) -> dict[str, Any]:
    return discord.world.messages[int(message["id"])]


def share(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def most_within(times: Sequence[float], seconds: float) -> int:
    """The most of these times in any window of so many seconds."""
    return max((sum(start <= time < start + seconds for time in times) for start in times), default=0)
