"""Random typing and clicking by three members, one of them a moderator: everything is answered, nothing breaks."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.books import audited
from tests.integration.wired import bot
from tests.wire.monkey import Monkey
from tests.wire.server import brief

pytestmark = [pytest.mark.wire, pytest.mark.timeout(600)]

ACTIONS = 90


@pytest.mark.parametrize("seed", [1])
async def test_random_clicking_breaks_nothing(tmp_path: Path, model: Path, seed: int) -> None:
    async with bot(tmp_path, model) as process:
        discord = process.discord
        monkey, done = Monkey(discord, seed), []
        for n in range(3):
            monkey.asked.append(await discord.command("imagine", 61 + n, prompt=f"a thing {n} --steps 4"))
        for _ in range(ACTIONS):
            done.append(await monkey.act())
            await asyncio.sleep(monkey.dice.random() * 0.3)
        unanswered = [one for one in monkey.asked if one.acked_after is None]
        await discord.until(lambda: all(one.acked_after is not None for one in monkey.asked), 120)
        assert not [one for one in unanswered if one.acked_after is None]
        under_way = "select 1 from jobs where state in ('queued', 'running', 'rendered')"
        await discord.until(lambda: not process.rows(under_way), 120)
        await discord.until(lambda: not process.rows("select 1 from outbox"), 120)
        await discord.until(lambda: not discord.world.thinking(), 120)
        log = process.log.read_text()
        assert not re.search(r"Traceback|command failed| ERROR ", log), (log[-6000:], done)
        assert discord.world.violations == [], [brief(m) for m in discord.world.shown()][-5:]
        assert audited(process.data) == [], done
