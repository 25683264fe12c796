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
from bot.store import turns
from bot.store.connections import shown
from bot.store.database import Database
from bot.store.schema_bots import bots

PATIENCE_S = 30.0
"""A server has noticed by then that a bot is gone, also one whose machine lost its power."""
LOOK_S = 10.0
RETAKE_S = 1.0
_LOCK = 0x736F6C65  # "sole": the number of the advisory lock in PostgreSQL
_WRITING = 0x77726974  # "writ"
_HAS_IT = sa.text("""
CASE WHEN pg_advisory_xact_lock_shared(:writing) IS NOT NULL THEN EXISTS (
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objid = :lock AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid = :pid AND granted
) END""").bindparams(sa.bindparam("writing", _WRITING, sa.BigInteger), sa.bindparam("lock", _LOCK, sa.BigInteger))
"""In this order: CASE evaluates nothing before its condition. `pg_locks` is the server's own state, not a snapshot."""
_MAY_WRITE = {len(turn): sa.select(_HAS_IT, *turns.locks(turn)) for turn in ((), (0,), (0, 0))}

log = logging.getLogger(__name__)


class WriteFence:
    """Lets a transaction write only while this bot's connection holds the lock in PostgreSQL.

    A bot whose connection broke may still be at work while another one has taken the lock. Every write holds `_WRITING`
    shared to its end and asks the server who has the lock; who takes the lock waits for the writes that asked before.
    """

    def __init__(self) -> None:
        self._holder: int | None = None
        self.doubt = asyncio.Event()
        """Set when a write was refused: the holder looks after its connection at once."""

    def held_by(self, pid: int | None) -> None:
        """The server's process that holds the lock for this bot."""
        self._holder = pid

    async def check(self, connection: AsyncConnection, turn: turns.Turn = ()) -> None:
        """See `Database.fence`. Raises `StoreError`."""
        known = {"pid": self._holder, **turns.ids_of(turn)}
        if self._holder is None or not await connection.scalar(_MAY_WRITE[len(turn)], known):
            self.doubt.set()
            raise StoreError("this bot's right to write is in doubt: its connection to the database broke")


@asynccontextmanager
async def sole_use(database: Database, patience_s: float = PATIENCE_S) -> AsyncGenerator[asyncio.Future[None]]:
    """Keep other bots away from this database. What is yielded fails with `ConfigError` if the right is lost to one.

    PostgreSQL must be reached without a pooler that hands one session to several clients.

    Raises:
        ConfigError: another bot uses the database; a server is given `patience_s` to notice that it is gone.
    """
    if database.path:
        with locked(database.path):
            yield asyncio.get_running_loop().create_future()
        return
    taken, fence = asyncio.Event(), WriteFence()
    database.fence = fence.check
    holding = asyncio.create_task(_hold(database, fence, taken, patience_s), name="sole use")
    waiting = asyncio.create_task(taken.wait())
    try:
        await asyncio.wait({holding, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if holding.done():
            holding.result()
        yield holding
    finally:
        database.fence = None
        for task in (waiting, holding):
            task.cancel()
        await asyncio.gather(waiting, holding, return_exceptions=True)


@contextlib.contextmanager
def locked(file: Path) -> Generator[None]:
    """Keep other bots away from a SQLite file, which need not be there. Raises `ConfigError`."""
    lock = FileLock(file.with_name(f"{file.name}.lock"), blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise _in_use(str(file)) from None
    try:
        yield
    finally:
        lock.release()


async def _hold(database: Database, fence: WriteFence, taken: asyncio.Event, patience_s: float) -> None:
    """The lock lives as long as its connection: look after that, and take it again on another one when it broke."""
    while True:
        try:
            async with database.read() as connection, _discarded(connection):
                await _take(connection, patience_s)
                fence.held_by(await connection.scalar(sa.select(sa.func.pg_backend_pid())))
                taken.set()
                await _look_after(connection, fence.doubt)
        except StoreError as error:
            fence.held_by(None)
            log.warning("%s; looking whether no other bot has come meanwhile", error)
            await asyncio.sleep(RETAKE_S)


@asynccontextmanager
async def _discarded(connection: AsyncConnection) -> AsyncGenerator[None]:
    """Back in the pool, it would hold the lock for nobody."""
    try:
        yield
    finally:
        await connection.invalidate()


async def _look_after(connection: AsyncConnection, doubt: asyncio.Event) -> None:
    while True:
        await connection.commit()
        doubt.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(doubt.wait(), LOOK_S)
        await connection.execute(sa.select(1))


async def _take(connection: AsyncConnection, patience_s: float) -> None:
    deadline_s = time.monotonic() + patience_s
    while not await connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_LOCK))) or await _is_shared(connection):
        await connection.execute(sa.select(sa.func.pg_advisory_unlock_all()))
        await connection.commit()
        if time.monotonic() >= deadline_s:
            raise _in_use(shown(connection.engine.url))
        log.warning("another bot uses this database; waiting for it to end")
        await asyncio.sleep(min(1.0, patience_s))
    # What the last holder had begun to write is over before anything is read here.
    await connection.execute(sa.text(f"SET LOCAL lock_timeout = '{PATIENCE_S:.0f}s'"))
    await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITING)))
    await connection.commit()


async def _is_shared(connection: AsyncConnection) -> bool:
    """Whether bots that share the database are alive; what is left of dead ones is deleted, so that they cannot write.

    A bot begins to share only while nobody has the lock, see `beside_the_others`.
    """
    if await connection.scalar(sa.select(sa.func.to_regclass(bots.name))) is None:
        return False
    await connection.execute(sa.delete(bots).where(bots.c.expires_at < sa.func.clock_timestamp()))
    is_alive = await connection.scalar(sa.select(sa.exists().select_from(bots)))
    await connection.commit()
    return bool(is_alive)


async def beside_the_others(connection: AsyncConnection) -> None:
    """In this transaction, nobody has the database to itself. Raises `ConfigError` where somebody has."""
    if not await connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock_shared(_LOCK))):
        raise _in_use(shown(connection.engine.url))
    # What that bot had begun to write is over.
    await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITING)))


def _in_use(what: str) -> ConfigError:
    return ConfigError("database", f"{what} is used by another bot; stop that one, or give this one its own data_dir")
