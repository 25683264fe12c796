"""A studio in a process of its own, to be killed.

It asks for the same fifty wishes at every start, as Discord delivers interactions again, and leaves when all are over.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bot.domain.jobs.dependencies import Ports
from bot.domain.jobs.job_service import JobService
from bot.domain.jobs.retry_policy import RetryPolicy
from bot.domain.model import Cell, Job
from bot.domain.prompting.engine_requests import Wording
from bot.errors import AlreadyAsked, DeliveryLater
from bot.store.database import Database
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.admission import AdmissionLimits
from bot.store.jobs.jobs import JobStore
from bot.store.jobs.outbox import OutboxStore
from bot.store.pictures import PictureStore
from engine.engine import Resolved
from engine.errors import OutOfMemory
from engine.events import Started
from tests.bot.domain.scripted import OpenRules, ReplyWall, ScriptedEngine, ScriptedStream
from tests.bot.domain.studios import OWNER, Remembered
from tests.bot.store.asks import ask
from tests.killable import Say

WISHES = 50


class SlowEngine(ScriptedEngine):
    """Takes a little time for each step, and fails sometimes; always the same for the same seed."""

    def submit(self, request: Resolved) -> ScriptedStream:
        stream = super().submit(request)
        self.work = asyncio.create_task(self._draw(stream))
        return stream

    async def _draw(self, stream: ScriptedStream) -> None:
        stream.post(Started("cpu"))
        for step in range(1, 6):
            await asyncio.sleep(random.uniform(0.0, 0.03))
            stream.step(step, 100.0 * step)
        if stream.request.seed % 10 == 9:
            stream.post(OutOfMemory("less"))
        else:
            stream.finish(gpu_ms=500.0 + stream.request.seed)


class ReplyWallOnDisk(ReplyWall):
    """What Discord saw outlives us; every fifth delivery fails at first."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file.open("a", buffering=1)

    async def deliver(self, job: Job, cells: Sequence[Cell]) -> int | None:
        if random.random() < 0.2:
            raise DeliveryLater(0.02, "503")
        self._write(job, f"grid of {len(cells)}")
        return 10_000 + job.interaction_id

    async def notify(self, job: Job, message_id: int) -> None:
        self._write(job, "ping")

    async def closed(self, job: Job, error: Exception) -> None:
        self._write(job, "closed")

    def _write(self, job: Job, said: str) -> None:
        self._file.write(json.dumps({"job": job.id, "said": said}) + "\n")


async def main(say: Say, folder: Path) -> None:
    database = await Database.open(folder / "darkroom.sqlite3")
    ports = Ports(
        engine=SlowEngine(),
        jobs=JobStore(database, Quotas(database, GuildRulesStore(database)), limits=AdmissionLimits(100)),
        outbox=OutboxStore(database), pictures=PictureStore.open(folder / "pictures"),
        replies=ReplyWallOnDisk(folder / "wall.jsonl"), rules=OpenRules(), estimates=Remembered(), wording=Wording(),
        clock=lambda: datetime.now(UTC),
    )  # fmt: skip
    job_service = JobService(ports, retry=RetryPolicy(first_s=0.01, longest_s=0.1))
    await job_service.start()
    say("ready")
    jobs = [await wish(job_service, number) for number in range(WISHES)]
    for job_id in jobs:
        await job_service.wait(job_id)
    await job_service.stop()
    await database.close()
    say("done")


async def wish(job_service: JobService, number: int) -> str:
    spec = {"spec_fields": {"count": 1 + number % 4}}
    asked = ask(interaction=number + 1, notify=True, **spec)
    asked = asked.model_copy(update={"spec": asked.spec.model_copy(update={"seed": number})})
    try:
        job_id = (await job_service.submit(asked)).id
    except AlreadyAsked as again:
        job_id = again.job_id
    if number % 7 == 3:
        await asyncio.sleep(random.uniform(0.0, 0.1))
        await job_service.cancel(job_id, OWNER)
    return job_id


def run(say: Say, folder: Path) -> None:
    """Ask for everything, and leave when all of it is over."""
    random.seed()  # the process it was forked from has one state for all
    asyncio.run(main(say, folder))
