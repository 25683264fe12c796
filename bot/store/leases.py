"""Leases: several bots share one PostgreSQL database, and each shard of Discord belongs to one of them at a time.

A bot's lease is a row that the bot renews. Another bot deletes the row once it is expired; that frees the shards.
Every write of a bot locks the bot's own row (FOR KEY SHARE) to the end of its transaction. The deletion waits for these
writes, and later writes find no row and are refused. All times are those of the database's clock.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import ConfigError, StoreError
from bot.shards import fair_share
from bot.store import turns
from bot.store.database import Database
from bot.store.schema_bots import bots, shards
from bot.store.single_instance import PATIENCE_S, beside_the_others

IDENTIFY_S = 5.25
"""Discord's pause between two identifies of one bucket is 5 s; clocks and networks take some of it."""
_RENEWALS = 5
"""So often in a lease's life it is renewed."""
_AGREEING = 0x61677265  # "agre": the number of the advisory lock
_now = sa.func.clock_timestamp()
# A bot that freezes inside a write must not hold up the others: the server ends such a transaction.
_LONGEST = sa.func.set_config("idle_in_transaction_session_timeout", sa.bindparam("longest"), True)
# Whoever waits for their turn has no row locked yet: should the lease end meanwhile, the row is gone then.
_MAY_WRITE = {
    len(turn): sa.select(bots.c.id, _LONGEST, *turns.locks(turn))
    .where(bots.c.id == sa.bindparam("mine"))
    .with_for_update(key_share=True, read=True)
    for turn in ((), (0,), (0, 0))
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Deal:
    """The shards of this bot, and how many of them it should hand over to others."""

    mine: frozenset[int]
    surplus: int


@dataclass(frozen=True, slots=True)
class Sharing:
    """How many bots share the database at the moment, and how many shards there are, and belong to nobody yet."""

    bots: int
    shards: int
    free: int


async def who_shares(database: Database) -> Sharing:
    """Look who shares the database; no bot where one has it to itself. Raises `StoreError`."""
    orphaned = shards.c.bot_id.is_(None) | shards.c.bot_id.not_in(_living())
    async with database.read() as connection:
        living = await connection.scalar(sa.select(sa.func.count()).select_from(_living().subquery()))
        counts = sa.select(sa.func.count(), sa.func.count().filter(orphaned)).select_from(shards)
        every, free = (await connection.execute(counts)).one()
    return Sharing(living or 0, every, free)


class Lease:
    """This bot's lease, on connections of its own: a busy pool must not delay a renewal."""

    def __init__(self, database: Database, length_s: float) -> None:
        self._database, self.length_s = database, length_s
        self.bot_id = 0
        self._renewed_s = time.monotonic()
        self._is_lost = True

    @property
    def is_lost(self) -> bool:
        """Whether other bots may have taken this bot's shards: the row is gone, or was not renewed for too long."""
        return self._is_lost or time.monotonic() >= self._renewed_s + self.length_s

    async def take(self) -> None:
        """Begin a new lease. Raises `ConfigError` while a bot has the database to itself, and `StoreError`."""
        began_s = time.monotonic()
        async with self._database.write() as connection:
            await beside_the_others(connection)
            row = sa.insert(bots).values(expires_at=self._until()).returning(bots.c.id)
            self.bot_id = int(await connection.scalar(row) or 0)
        self._renewed_s, self._is_lost = began_s, False

    async def renew(self) -> None:
        """Renew the lease, unless another bot has deleted it; see `is_lost`. Raises `StoreError`."""
        began_s, bot_id = time.monotonic(), self.bot_id
        async with self._database.write() as connection:
            row = sa.update(bots).where(bots.c.id == bot_id).values(expires_at=self._until())
            found = (await connection.execute(row)).rowcount
        if bot_id != self.bot_id:
            return  # another lease was begun meanwhile
        if found:
            self._renewed_s = began_s
        else:
            self._is_lost = True

    async def leave(self) -> None:
        """End the lease: the others may take the shards at once. Raises `StoreError`."""
        self._is_lost = True
        async with self._database.write() as connection:
            await connection.execute(sa.delete(bots).where(bots.c.id == self.bot_id))

    async def fence(self, connection: AsyncConnection, turn: turns.Turn = ()) -> None:
        """Let a transaction write only while this bot's row is there; see `Database.fence`. Raises `StoreError`."""
        values = {"mine": self.bot_id, "longest": f"{self.length_s:.0f}s", **turns.ids_of(turn)}
        if (await connection.execute(_MAY_WRITE[len(turn)], values)).first() is None:
            self._is_lost = True
            raise StoreError("this bot's lease ran out: other bots do its work now")

    # --- shards ----------------------------------------------------------------------------------------

    async def agree(self, count: int, *, is_configured: bool) -> int:
        """Return the number of all shards: `count`, or what the bots that live already have agreed on.

        Raises:
            ConfigError: `count` is configured, and the others have another one.
        """
        async with self._database.write() as connection:
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_AGREEING)))
            agreed = await connection.scalar(sa.select(sa.func.count()).select_from(shards)) or 0
            if agreed == count:
                return count
            if await connection.scalar(sa.select(sa.exists().where(shards.c.bot_id.in_(_living())))):
                if is_configured:
                    raise ConfigError("discord.shard_count", f"the bots that run have {agreed}; stop them all first")
                return agreed
            await connection.execute(sa.delete(shards))
            await connection.execute(sa.insert(shards), [{"shard_id": each, "epoch": 0} for each in range(count)])
        return count

    async def deal(self) -> Deal:
        """Bury dead bots, and take free shards up to this bot's fair share; none where its own lease is over.

        Raises `StoreError`.
        """
        async with self._database.write() as connection:
            dead = sa.select(bots.c.id).where(bots.c.expires_at < _now).with_for_update(skip_locked=True)
            await connection.execute(sa.delete(bots).where(bots.c.id.in_(dead)))
            living = list(await connection.scalars(_living().order_by(bots.c.id)))
            owned = await connection.execute(sa.select(shards.c.shard_id, shards.c.bot_id))
            owners: dict[int, int | None] = {row.shard_id: row.bot_id for row in owned}
            mine = frozenset(shard for shard, owner in owners.items() if owner == self.bot_id)
            if self.bot_id not in living:
                self._is_lost = True
                return Deal(frozenset(), 0)
            missing = fair_share(len(owners), len(living), living.index(self.bot_id)) - len(mine)
            if missing > 0:
                mine |= await self._take_free(connection, missing)
        return Deal(mine, max(0, -missing))

    async def _take_free(self, connection: AsyncConnection, most: int) -> frozenset[int]:
        free = sa.select(shards.c.shard_id).where(shards.c.bot_id.is_(None)).order_by(shards.c.shard_id).limit(most)
        theirs = shards.c.shard_id.in_(free.with_for_update(skip_locked=True))
        taken = sa.update(shards).where(theirs).values(bot_id=self.bot_id, epoch=shards.c.epoch + 1)
        return frozenset(await connection.scalars(taken.returning(shards.c.shard_id)))

    async def hand_over(self, ids: Collection[int]) -> None:
        """Free some of this bot's shards. Raises `StoreError`."""
        mine = shards.c.bot_id == self.bot_id, shards.c.shard_id.in_(ids)
        async with self._database.write() as connection:
            await connection.execute(sa.update(shards).where(*mine).values(bot_id=None))

    async def identify_in_s(self, shard_id: int, buckets: int) -> float:
        """Take the next slot for an identify, and return the seconds until it. Raises `StoreError`."""
        length = sa.func.make_interval(0, 0, 0, 0, 0, 0, IDENTIFY_S)
        slot = sa.func.greatest(shards.c.identify_at, _now)
        taken = sa.update(shards).where(shards.c.shard_id == shard_id % buckets).values(identify_at=slot + length)
        wait = sa.func.extract("epoch", shards.c.identify_at - length - _now)
        async with self._database.write() as connection:
            return max(0.0, float(await connection.scalar(taken.returning(wait)) or 0.0))

    # --- life ------------------------------------------------------------------------------------------

    def _until(self) -> sa.ColumnElement[object]:
        return _now + sa.func.make_interval(0, 0, 0, 0, 0, 0, self.length_s)

    async def keep(self) -> None:
        """Renew the lease until cancelled. A server that is away for less than the lease changes nothing."""
        while True:
            await asyncio.sleep(self.length_s / _RENEWALS)
            try:
                async with asyncio.timeout(self.length_s):
                    await self.renew()
            except (StoreError, TimeoutError) as error:
                log.warning("the lease was not renewed: %s", error, extra={"action": "lease"})


def _living() -> sa.Select[int]:
    return sa.select(bots.c.id).where(bots.c.expires_at >= _now)


@asynccontextmanager
async def shared_use(database: Database, length_s: float, patience_s: float = PATIENCE_S) -> AsyncGenerator[Lease]:
    """Use a PostgreSQL database beside other bots that share it; every write of `database` is fenced by the lease.

    Raises:
        ConfigError: a bot that does not share has the database; it is given `patience_s` to end.
    """
    own = await Database.connect(database.url.render_as_string(hide_password=False))
    try:
        lease = Lease(own, length_s)
        await _take(lease, patience_s)
        database.fence = lease.fence
        keeping = asyncio.create_task(lease.keep(), name="lease")
        try:
            yield lease
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            with suppress(StoreError):  # it runs out by itself
                await lease.leave()
            database.fence = None
    finally:
        await own.close()


async def _take(lease: Lease, patience_s: float) -> None:
    deadline_s = time.monotonic() + patience_s
    while True:
        try:
            return await lease.take()
        except ConfigError as error:
            if time.monotonic() >= deadline_s:
                raise
            log.warning("%s; waiting for it to end", error)
            await asyncio.sleep(min(1.0, patience_s))
