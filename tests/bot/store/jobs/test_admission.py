"""However many ask at once, from however many connections: no more than there is limits for get in."""

from __future__ import annotations

import asyncio
from collections import Counter

from bot.errors import AlreadyAsked, TooManyJobs
from bot.store.database import Database
from bot.store.jobs.admission import AdmissionLimits
from bot.store.jobs.jobs import JobStore
from engine.errors import QueueFull
from tests.bot.store.asks import NoLedger, accept, ask


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
