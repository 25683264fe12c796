"""Asks and a ledger for the store's tests."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.model import Ask, Cell, Job, JobSpec, Kept, Member, Options, Place, ReplyTo, Verb
from bot.store.jobs.jobs import JobStore

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_numbers = itertools.count(1)


def ask(prompt: str = "a red fox", *, member: int = 1, interaction: int | None = None, **more: Any) -> Ask:
    spec = more.pop("spec", None) or JobSpec(
        verb=more.pop("verb", Verb.IMAGINE), options=Options(prompt=prompt), seed=7, **more.pop("spec_fields", {})
    )
    reply = ReplyTo(channel_id=10, message_id=None, token="secret", expires_at=NOW + timedelta(minutes=15))
    return Ask(
        spec=spec,
        member=Member(id=member, name=f"member {member}"),
        place=Place(guild_id=5, channel_id=10),
        reply=more.pop("reply", reply),
        interaction_id=interaction or next(_numbers) + 10**18,
        **more,
    )


async def accept(store: JobStore, asked: Ask | None = None, now: datetime = NOW) -> Job:
    return await store.accept(asked or ask(), model="pocket", weight=1.0, estimate_ms=1000.0, now=now)


def kept(job: Job, count: int = 4, **more: Any) -> Kept:
    cells = tuple(
        Cell(job_id=job.id, cell=i, key=f"jobs/{job.id}/{i}.png", width=64, height=64, seed=7 + i, sha256="0" * 64,
             size_bytes=10)
        for i in range(count)
    )  # fmt: skip
    return Kept(cells=cells, gpu_ms=more.pop("gpu_ms", 900.0), **more)


class NoLedger:
    """Counts nothing: for tests that are not about quotas."""

    async def reserve(self, connection: AsyncConnection, job: Job, ask: Ask, now: datetime) -> None: ...
    async def settle(
        self, connection: AsyncConnection, job: Job, pictures: int, gpu_ms: float, now: datetime
    ) -> None: ...
    async def waive(self, connection: AsyncConnection, job_id: str, now: datetime) -> None: ...
    async def refund(self, connection: AsyncConnection, job_id: str, now: datetime) -> None: ...
