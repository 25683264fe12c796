"""The shard keeper: shards are put down before another bot may have them, and taken up with their work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import sqlalchemy as sa

from bot.errors import ConfigError
from bot.operation import shard_keeper
from bot.operation.shard_keeper import ShardKeeper
from bot.shards import HeldShards
from bot.store.database import Database
from bot.store.leases import shared_use
from bot.store.schema_bots import bots
from bot.store.single_instance import sole_use
from bot.tasks import Tasks
from tests.bot.store.postgres import FreshPostgres
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.postgres


class Bot:
    """A bot as its keeper sees it, on a stage where everybody's connections are seen."""

    def __init__(self, name: str, stage: list[str]) -> None:
        self.name, self.stage, self.opened = name, stage, frozenset[int]()
        self.looks = self.releases = self.recalls = 0
        self.held = HeldShards()

    async def open_shard(self, shard_id: int) -> None:
        self.opened |= {shard_id}
        self.stage.append(f"{self.name} opens {shard_id}")

    async def close_shard(self, shard_id: int) -> None:
        self.opened -= {shard_id}
        self.stage.append(f"{self.name} closes {shard_id}")

    async def look(self) -> None:
        self.looks += 1

    async def release(self) -> None:
        self.releases += 1
        self.stage.append(f"{self.name} released")

    async def recall(self) -> bool:
        self.recalls += 1
        return False

    async def take_up(self) -> None:
        pytest.fail("nothing is left over")


class Stage:
    """Bots that join and leave."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self.url, self._stack, self.seen = url, stack, list[str]()

    async def joins(self, name: str) -> tuple[Bot, Database, asyncio.Task[None]]:
        bot, database, tasks = Bot(name, self.seen), await Database.connect(self.url), Tasks()
        self._stack.push_async_callback(database.close)
        lease = await self._stack.enter_async_context(shared_use(database, 600.0, patience_s=0.0))
        self._stack.push_async_callback(tasks.stop)
        keeper = ShardKeeper(lease, bot.held, tasks)
        await keeper.agree(None, 2, 1)
        return bot, database, tasks.start(keeper.run(bot, bot, bot), name)


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(shard_keeper, "TURN_S", 0.01)
    async with FreshPostgres() as url, AsyncExitStack() as stack:
        await (await Database.open(url)).close()
        yield Stage(url, stack)


async def test_a_newcomer_gets_its_share_after_it_was_put_down(stage: Stage) -> None:
    first, _, _ = await stage.joins("first")
    await until(lambda: first.opened == {0, 1})
    second, _, _ = await stage.joins("second")
    await until(lambda: second.opened == {1})
    assert stage.seen[2:] == ["first closes 1", "first released", "second opens 1"]
    assert (first.held.ids, second.held.ids, first.held.count) == ({0}, {1}, 2)
    before = first.looks, first.recalls
    await until(lambda: first.looks > before[0] and first.recalls > before[1])


async def test_a_lost_lease_puts_everything_down_and_begins_anew(stage: Stage) -> None:
    first, database, _ = await stage.joins("first")
    await until(lambda: first.opened == {0, 1})
    other = await Database.connect(stage.url)
    async with other.write() as connection:  # what another bot does when it finds the lease expired
        await connection.execute(sa.delete(bots))
    await until(lambda: first.releases == 1)
    await until(lambda: first.opened == {0, 1})
    assert {"first closes 0", "first closes 1"} < set(stage.seen)
    async with database.write() as connection:
        await connection.execute(sa.select(1))
    await other.close()


async def test_a_bot_alone_meanwhile_ends_the_keeper(stage: Stage) -> None:
    first, _, keeping = await stage.joins("first")
    await until(lambda: first.opened == {0, 1})
    other = await Database.connect(stage.url)
    async with other.write() as connection:
        await connection.execute(sa.update(bots).values(expires_at=sa.text("now() - interval '1 s'")))
    async with sole_use(other, patience_s=0.0):
        with pytest.raises(ConfigError, match="used by another bot"):
            async with asyncio.timeout(PATIENCE_S):
                await keeping
        assert first.held.ids == set() and first.opened == set()
    await other.close()
