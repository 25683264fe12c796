"""One bot for one database: a second one would take up the first one's jobs, and both would answer every event."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import ConfigError, StoreError
from bot.store.database import Database, shown

PATIENCE_S = 30.0
"""A server has noticed by then that a bot is gone, also one whose machine lost its power."""
LOOK_S = 10.0
RETAKE_S = 1.0
_LOCK = 0x736F6C65  # "sole": the number of the advisory lock in PostgreSQL
_KEEPALIVE = ("tcp_keepalives_idle = 10", "tcp_keepalives_interval = 5", "tcp_keepalives_count = 3")

log = logging.getLogger(__name__)


@asynccontextmanager
async def sole_use(database: Database, patience_s: float = PATIENCE_S) -> AsyncGenerator[asyncio.Future[None]]:
    """Keep other bots away from this database. What is yielded fails with `ConfigError` if the right is lost to one.

    PostgreSQL must be reached without a pooler that hands one session to several clients.

    Raises:
        ConfigError: another bot uses the database; a server is given `patience_s` to notice that it is gone.
    """
    if database.path:
        with _locked(database.path):
            yield asyncio.get_running_loop().create_future()
        return
    taken = asyncio.Event()
    holding = asyncio.create_task(_hold(database, taken, patience_s), name="sole use")
    waiting = asyncio.create_task(taken.wait())
    try:
        await asyncio.wait({holding, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if holding.done():
            holding.result()
        yield holding
    finally:
        for task in (waiting, holding):
            task.cancel()
        await asyncio.gather(waiting, holding, return_exceptions=True)


@contextlib.contextmanager
def _locked(file: Path) -> Generator[None]:
    lock = FileLock(file.with_name(f"{file.name}.lock"), blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise _in_use(str(file)) from None
    try:
        yield
    finally:
        lock.release()


async def _hold(database: Database, taken: asyncio.Event, patience_s: float) -> None:
    """The lock lives as long as its connection: look after that, and take it again on another one when it broke."""
    while True:
        try:
            async with database.read() as connection:
                await _take(connection, patience_s)
                taken.set()
                while True:
                    await connection.commit()
                    await asyncio.sleep(LOOK_S)
                    await connection.execute(sa.select(1))
        except StoreError as error:
            log.warning("%s; looking whether no other bot has come meanwhile", error)
            await asyncio.sleep(RETAKE_S)


async def _take(connection: AsyncConnection, patience_s: float) -> None:
    for setting in _KEEPALIVE:
        await connection.execute(sa.text(f"SET {setting}"))
    deadline_s = time.monotonic() + patience_s
    while not await connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_LOCK))):
        await connection.commit()
        if time.monotonic() >= deadline_s:
            raise _in_use(shown(connection.engine.url))
        log.warning("another bot uses this database; waiting for it to end")
        await asyncio.sleep(min(1.0, patience_s))


def _in_use(what: str) -> ConfigError:
    return ConfigError("database", f"{what} is used by another bot; stop that one, or give this one its own data_dir")
