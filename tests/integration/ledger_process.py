"""A studio under load that is meant to be killed."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from bot.domain.model import Member
from bot.errors import UserError
from engine.errors import EngineError
from tests.bot.domain.studios import StoredStudio
from tests.bot.store.asks import ask
from tests.killable import Say


async def load(say: Say, folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    house = await StoredStudio(folder, auto=True).open()
    say("ready")
    number = seed * 1_000_000
    while True:
        number += 1
        member = chance.randint(1, 5)
        try:
            job = await house.job_service.submit(ask(member=member, interaction=number))
            if chance.random() < 0.3:
                await asyncio.sleep(chance.random() * 0.02)
                await house.job_service.cancel(job.id, Member(id=member, name="m"))
        except (UserError, EngineError):
            await asyncio.sleep(0.01)


def run(say: Say, folder: Path, seed: int) -> None:
    """Ask and cancel without end."""
    asyncio.run(load(say, folder, seed))
