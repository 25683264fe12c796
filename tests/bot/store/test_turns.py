"""Turns on PostgreSQL: who waits for whom; and connections that died while nobody used them."""

from __future__ import annotations

import asyncio
import itertools

import pytest
import sqlalchemy as sa

from bot.store import turns
from bot.store.database import Database
from tests.bot.store.postgres import FreshPostgres

pytestmark = pytest.mark.postgres
LOCKS = sa.text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted = :granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


async def hold(database: Database, until: asyncio.Event, *ids: int) -> None:
    """Have a turn until then; without ids alone."""
    async with database.write() as connection:
        await (turns.in_turn(connection, *ids) if ids else turns.alone(connection))
        await until.wait()


async def locked(database: Database, *, granted: bool) -> None:
    """Until a turn is had, or waited for."""
    async with database.read() as connection:
        for _ in itertools.count():
            if await connection.scalar(LOCKS, {"granted": granted}):
                return
            await asyncio.sleep(0)


@pytest.mark.parametrize(("first", "second"), [((5, 20), (5, 21)), ((5, 20), (6, 20)), ((5, 20), (20,)), ((5,), ())])
async def test_the_second_waits_for_the_first(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    async with FreshPostgres() as url:
        database, go = await Database.connect(url), asyncio.Event()
        holding = [asyncio.create_task(hold(database, go, *first))]
        await locked(database, granted=True)
        holding.append(asyncio.create_task(hold(database, go, *second)))
        await locked(database, granted=False)
        go.set()
        await asyncio.gather(*holding)
        await database.close()


async def test_other_servers_and_members_wait_for_nobody() -> None:
    async with FreshPostgres() as url:
        database, go = await Database.connect(url), asyncio.Event()
        holding = asyncio.create_task(hold(database, go, 5, 20))
        async with database.write() as connection:
            await turns.in_turn(connection, 6, 21)
            await turns.in_turn(connection, 22)
        go.set()
        await holding
        await database.close()


@pytest.mark.parametrize("rest_s", [0.0, 3600.0], ids=["rested", "just used"])
async def test_a_connection_that_died_is_replaced(monkeypatch: pytest.MonkeyPatch, rest_s: float) -> None:
    monkeypatch.setattr("bot.store.connections.REST_S", rest_s)
    async with FreshPostgres() as url:
        database = await Database.connect(url)
        async with database.read() as connection:
            await connection.execute(sa.text("SELECT 1"))
        other = await Database.connect(url)
        async with other.read() as connection:
            cut = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = "
            await connection.execute(sa.text(cut + "current_database() AND pid != pg_backend_pid()"))
        await asyncio.sleep(0)
        for way in (database.read, database.write):
            async with way() as connection:
                assert await connection.scalar(sa.text("SELECT 1")) == 1
        await other.close()
        await database.close()
