"""A studio on a real database file and a real picture folder, that can crash and come back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bot.domain.jobs.dependencies import Ports
from bot.domain.jobs.job_service import JobService
from bot.domain.jobs.retry_policy import RetryPolicy
from bot.domain.model import Job, JobState, Member
from bot.domain.ports import EnginePort
from bot.domain.prompting.engine_requests import Wording
from bot.store.database import Database
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.jobs import JobStore
from bot.store.jobs.outbox import OutboxStore
from bot.store.pictures import PictureStore
from bot.store.schema_rules import quota_counters, reservations
from engine.requests import ImageRequest
from tests.bot.domain.scripted import HandClock, OpenRules, ReplyWall, ScriptedEngine
from tests.bot.store.asks import ask
from tests.patience import PATIENCE_S

OWNER = Member(id=1, name="ada")
STRANGER = Member(id=2, name="bob")
MODERATOR = Member(id=3, name="mod", guild_id=5, is_moderator=True)


class Remembered:
    """Estimates that only note what they were told."""

    def __init__(self) -> None:
        self.learnt: list[float] = []

    async def estimate_ms(self, request: ImageRequest) -> float:
        return 1000.0

    async def learn(self, request: ImageRequest, gpu_ms: float) -> None:
        self.learnt.append(gpu_ms)


class StoredStudio:
    """Discord's wall and the disk outlive a crash; everything else does not."""

    def __init__(
        self, folder: Path, *, auto: bool = False, url: str | None = None, real: EnginePort | None = None
    ) -> None:
        self.real = real
        self.folder, self.auto, self.url = folder, auto, url or f"sqlite:///{folder / 'darkroom.sqlite3'}"
        self.wall, self.clock, self.rules = ReplyWall(), HandClock(), OpenRules()
        self.pictures = PictureStore.open(folder / "pictures")

    async def open(self) -> StoredStudio:
        self.database = await Database.open(self.url)
        self.engine, self.estimates = ScriptedEngine(auto=self.auto), Remembered()
        self.jobs = JobStore(self.database, Quotas(self.database, GuildRulesStore(self.database)))
        self.outbox = OutboxStore(self.database)
        ports = Ports(
            engine=self.real or self.engine, jobs=self.jobs, outbox=self.outbox, pictures=self.pictures,
            replies=self.wall,
            rules=self.rules, estimates=self.estimates, wording=Wording(), clock=self.clock, sleep=self.clock.sleep,
            is_ours=self.database.is_ours,
        )  # fmt: skip
        self.job_service = JobService(
            ports, retry=RetryPolicy(jitter=lambda: 1.0, max_tries=3, max_later=4, grace_s=0.05)
        )
        await self.job_service.start()
        return self

    async def close(self) -> None:
        await self.job_service.stop(0.0)
        await self.database.close()

    async def crash(self) -> None:
        """Everything in memory is gone at once; nothing gets a chance to tidy up."""
        mine = [task for task in asyncio.all_tasks() if task.get_name().startswith(("job ", "deliver", "courier"))]
        for task in mine:
            task.cancel()
        await asyncio.gather(*mine, return_exceptions=True)
        await self.database.close()

    async def restart(self) -> None:
        await self.crash()
        await self.open()

    async def submit(self, **more: Any) -> Job:
        return await self.job_service.submit(ask(**more))

    async def wait(self, job: Job) -> Job:
        async with asyncio.timeout(PATIENCE_S):
            return await self.job_service.wait(job.id)

    async def wait_while_time_passes(self, job: Job) -> Job:
        """Wait as `wait` does, with an hour gone in a moment."""
        waiting = asyncio.ensure_future(self.wait(job))
        while not waiting.done():
            self.clock.move(30.0)
            await asyncio.wait({waiting}, timeout=0.01)
        return await waiting

    async def reaches(self, job: Job, *states: JobState, attempts: int = 0) -> Job:
        """Wait until the job is in one of these states, begun so often at least."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = await self.jobs.get(job.id)
                if found.state in states and found.attempts >= attempts:
                    return found
                await asyncio.sleep(0.001)

    async def charged(self, job: Job) -> tuple[str, int, int]:
        """The reservation's state and what is charged: pictures and ms."""
        async with self.database.read() as connection:
            query = sa.select(reservations).where(reservations.c.job_id == job.id)
            row = (await connection.execute(query)).one()
        return row.state, row.pictures, row.gpu_ms

    async def used(self, member_id: int = 1) -> dict[str, int]:
        """What the member's counters of the day say."""
        theirs = (quota_counters.c.subject_id == member_id, quota_counters.c.span.like("day %"))
        async with self.database.read() as connection:
            query = sa.select(quota_counters.c.unit, quota_counters.c.used).where(*theirs)
            return {row.unit: row.used for row in await connection.execute(query)}

    def files(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "pictures").rglob("*") if path.is_file())
