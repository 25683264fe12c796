"""Turns on PostgreSQL: who waits for whom; and connections that died while nobody used them."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import nullcontext
from typing import Any

import pytest
import sqlalchemy as sa

from bot.errors import StoreError
from bot.store import turns
from bot.store.database import Database
from bot.store.leases import shared_use
from bot.store.schema_bots import bots
from bot.store.single_instance import sole_use
from tests.bot.store.postgres import FreshPostgres

pytestmark = pytest.mark.postgres
LOCKS = sa.text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted = :granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


async def hold(database: Database, until: asyncio.Event, *ids: int) -> None:
    """Have a turn until then; without ids alone."""
    turn: Any = ids
    async with database.write(turn) as connection:
        if not ids:
            await turns.alone(connection)
        await until.wait()


async def locked(database: Database, *, granted: bool) -> None:
    """Until a turn is had, or waited for."""
    async with database.read() as connection:
        for _ in itertools.count():
            if await connection.scalar(LOCKS, {"granted": granted}):
                return
            await asyncio.sleep(0)


FENCES: dict[str, Any] = {
    "no fence": lambda _: nullcontext(),
    "sole use": sole_use,
    "lease": lambda it: shared_use(it, 60.0),
}


@pytest.mark.parametrize("fence", FENCES)
@pytest.mark.parametrize(("first", "second"), [((5, 20), (5, 21)), ((5, 20), (6, 20)), ((5, 20), (20,)), ((5,), ())])
async def test_the_second_waits_for_the_first(first: tuple[int, ...], second: tuple[int, ...], fence: str) -> None:
    async with FreshPostgres() as url:
        await (await Database.open(url)).close()
        database, go = await Database.connect(url), asyncio.Event()
        async with FENCES[fence](database):
            holding = [asyncio.create_task(hold(database, go, *first))]
            await locked(database, granted=True)
            holding.append(asyncio.create_task(hold(database, go, *second)))
            await locked(database, granted=False)
            go.set()
            await asyncio.gather(*holding)
        await database.close()


async def test_who_loses_the_lease_while_waiting_writes_nothing() -> None:
    async with FreshPostgres() as url:
        await (await Database.open(url)).close()
        database, other, go = await Database.connect(url), await Database.connect(url), asyncio.Event()
        async with shared_use(database, 60.0):
            holding = asyncio.create_task(hold(other, go, 5))
            await locked(other, granted=True)
            waiting = asyncio.create_task(hold(database, go, 5, 20))
            await locked(other, granted=False)
            async with other.write() as connection:
                await connection.execute(sa.delete(bots))
            go.set()
            await holding
            with pytest.raises(StoreError, match="lease ran out"):
                await waiting
        await database.close()
        await other.close()


async def test_other_servers_and_members_wait_for_nobody() -> None:
    async with FreshPostgres() as url:
        database, go = await Database.connect(url), asyncio.Event()
        holding = asyncio.create_task(hold(database, go, 5, 20))
        async with database.write((6, 21)) as connection:
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
