"""The shard keeper: takes up and hands over shards and their work, where several bots share a database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import Protocol

from bot.errors import StoreError
from bot.shards import HeldShards
from bot.store.leases import IDENTIFY_S, Lease
from bot.tasks import Tasks

TURN_S = 1.0
"""The pause between two looks at the leases, and at what other bots have done."""
CLOSE_S = 5.0

log = logging.getLogger(__name__)


class Gateway(Protocol):
    """The connection to Discord, shard by shard."""

    @property
    def opened(self) -> frozenset[int]:
        """The shards whose connection is open."""
        ...

    async def open_shard(self, shard_id: int) -> None:
        """Connect a shard, trying until it is connected."""
        ...

    async def close_shard(self, shard_id: int) -> None:
        """End the connection of a shard; does nothing where there is none."""
        ...


class Work(Protocol):
    """The job service, as far as it depends on shards."""

    async def look(self) -> None:
        """Begin what is this bot's work by now, end what is not. Raises `StoreError`."""
        ...

    async def release(self) -> None:
        """Park what is not this bot's work any more."""
        ...


class Adoptable(Protocol):
    """Interactions that bots left behind."""

    async def recall(self) -> bool:
        """Read what bots that are gone left on this bot's shards; tells whether there is any."""
        ...

    async def take_up(self) -> None:
        """Finish what was read."""
        ...


class ShardKeeper:
    """Holds this bot's shards in step with its lease: a shard is put down before another bot may take it."""

    def __init__(self, lease: Lease, held: HeldShards, tasks: Tasks) -> None:
        self._lease, self._held, self._tasks = lease, held, tasks
        self._buckets = 1
        self._opening: dict[int, asyncio.Task[None]] = {}

    @property
    def count(self) -> int:
        """The number of all shards."""
        return self._held.count

    @property
    def held(self) -> frozenset[int]:
        """The shards of this bot."""
        return self._held.ids

    async def agree(self, configured: int | None, recommended: int, buckets: int) -> None:
        """Agree with the other bots on the number of shards; `buckets` is Discord's `max_concurrency`.

        Raises `ConfigError` and `StoreError`.
        """
        self._buckets = buckets
        count = configured or recommended
        self._held.count = await self._lease.agree(count, is_configured=configured is not None)

    async def turn_to_identify(self, shard_id: int) -> None:
        """Wait until a shard may identify. Raises `CancelledError` when it is not this bot's any more."""
        try:
            wait_s = await self._lease.identify_in_s(shard_id, self._buckets)
        except StoreError:
            wait_s = IDENTIFY_S
        await asyncio.sleep(wait_s)
        if shard_id not in self._held.ids:
            raise asyncio.CancelledError

    async def run(self, gateway: Gateway, work: Work, leftovers: Adoptable) -> None:
        """Keep the shards until cancelled. Raises `ConfigError` when a bot has the database to itself by now."""
        while True:
            try:
                await self._turn(gateway, work, leftovers)
            except StoreError as error:
                log.warning("shards not looked at: %s", error, extra={"action": "shards"})
                if self._lease.is_lost:
                    await self._put_down(self._held.ids, gateway, work)
            await asyncio.sleep(TURN_S)

    async def _turn(self, gateway: Gateway, work: Work, leftovers: Adoptable) -> None:
        if self._lease.is_lost:
            await self._put_down(self._held.ids, gateway, work)
            await self._lease.take()
        deal = await self._lease.deal()
        surplus = sorted(deal.mine)[len(deal.mine) - deal.surplus :]
        await self._put_down((self._held.ids - deal.mine).union(surplus), gateway, work)
        if surplus:
            await self._lease.hand_over(surplus)
        self._take_up(deal.mine - self._held.ids - set(surplus), gateway)
        for shard_id in gateway.opened - self._held.ids:  # it was connecting anew while it was put down
            await gateway.close_shard(shard_id)
        await work.look()
        if await leftovers.recall():
            self._tasks.start(leftovers.take_up(), "leftovers")

    def _take_up(self, ids: Collection[int], gateway: Gateway) -> None:
        if ids:
            log.info("shards taken up: %s", sorted(ids), extra={"action": "shards"})
        self._held.ids |= frozenset(ids)
        for shard_id in sorted(ids):
            self._opening[shard_id] = self._tasks.start(gateway.open_shard(shard_id), f"shard {shard_id}")

    async def _put_down(self, ids: Collection[int], gateway: Gateway, work: Work) -> None:
        if not ids:
            return
        log.info("shards put down: %s", sorted(ids), extra={"action": "shards"})
        self._held.ids -= frozenset(ids)
        for shard_id in ids:
            if opening := self._opening.pop(shard_id, None):
                opening.cancel()
        closing = (asyncio.wait_for(gateway.close_shard(shard_id), CLOSE_S) for shard_id in ids)
        for error in await asyncio.gather(*closing, return_exceptions=True):
            if isinstance(error, Exception):
                log.info("a shard did not close: %s", error, extra={"action": "shards"})
        await work.release()
