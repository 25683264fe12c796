"""However many ask at once, from however many connections: no more than there is limits for get in."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.model import Job
from bot.errors import AlreadyAsked, TooManyJobs
from bot.store.connections import is_sqlite
from bot.store.database import Database
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.admission import AdmissionLimits
from bot.store.jobs.jobs import JobStore
from engine.errors import QueueFull
from tests.bot.store.asks import NOW, NoLedger, accept, ask, kept
from tests.patience import PATIENCE_S


async def many(url: str, limits: AdmissionLimits, *asks: object) -> Counter[str]:
    """Send all asks at once through two databases of their own, as two processes would."""
    databases = [await Database.open(url) for _ in range(2)]
    stores = [JobStore(database, NoLedger(), limits=limits) for database in databases]
    sent = (accept(stores[number % 2], asked) for number, asked in enumerate(asks))
    outcomes = await asyncio.gather(*sent, return_exceptions=True)
    for database in databases:
        await database.close()
    return Counter(type(outcome).__name__ for outcome in outcomes)


async def test_two_hundred_of_one_member_against_room_for_fifty(url: str) -> None:
    outcomes = await many(url, AdmissionLimits(50, 1000), *(ask() for _ in range(200)))
    assert outcomes == {"Job": 50, TooManyJobs.__name__: 150}


async def test_the_same_interaction_a_hundred_times(url: str) -> None:
    outcomes = await many(url, AdmissionLimits(50, 1000), *[ask()] * 100)
    assert outcomes == {"Job": 1, AlreadyAsked.__name__: 99}


async def test_a_full_house(url: str) -> None:
    outcomes = await many(url, AdmissionLimits(50, 30), *(ask(member=number) for number in range(30)))
    assert outcomes["Job"] == 30
    outcomes = await many(url, AdmissionLimits(50, 30), *(ask(member=number) for number in range(10)))
    assert outcomes == {QueueFull.__name__: 10}


class Held(Quotas):
    """Settles once it is let."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, GuildRulesStore(database))
        self.has_begun, self.may = asyncio.Event(), asyncio.Event()

    async def settle(self, connection: AsyncConnection, job: Job, pictures: int, gpu_ms: float, now: datetime) -> None:
        self.has_begun.set()
        await self.may.wait()
        await super().settle(connection, job, pictures, gpu_ms, now)


async def test_an_ask_that_comes_again_while_its_job_is_booked(url: str) -> None:
    database, other = await Database.open(url), await Database.open(url)
    if is_sqlite(database.url):
        await asyncio.gather(database.close(), other.close())
        pytest.skip("SQLite has one writer at a time")
    ledger, asked = Held(database), ask()
    store, second = JobStore(database, ledger), JobStore(other, Quotas(other, GuildRulesStore(other)))
    job = await store.claim(await accept(store, asked))
    booking = asyncio.create_task(store.keep(job, kept(job), NOW))
    await ledger.has_begun.wait()
    again = asyncio.create_task(accept(second, asked))

    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(PATIENCE_S), database.read() as connection:
        while not await connection.scalar(waiting):
            pass  # each look is a way to the server and back
    ledger.may.set()
    booked, told = await asyncio.gather(booking, again, return_exceptions=True)
    assert not isinstance(booked, BaseException) and isinstance(told, AlreadyAsked), (booked, told)
    await asyncio.gather(database.close(), other.close())
