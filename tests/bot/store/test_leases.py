"""Bots that share a database: each shard has one bot, and a bot whose lease is gone writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.domain.model import Ask, Place
from bot.domain.moderation.audit_entry import AuditEntry
from bot.errors import ConfigError, StoreError
from bot.shards import HeldShards
from bot.store.database import Database
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.jobs.jobs import JobStore
from bot.store.jobs.outbox import OutboxStore
from bot.store.leases import IDENTIFY_S, Lease, Sharing, shared_use, who_shares
from bot.store.rounds.games import GameStore
from bot.store.rounds.rounds import RoundStore
from bot.store.schema import members, outbox
from bot.store.schema_bots import bots, shards
from bot.store.single_instance import sole_use
from tests.bot.store.asks import NOW, NoLedger, accept, ask

pytestmark = [pytest.mark.postgres, pytest.mark.parametrize("url", ["postgresql"], indirect=True)]
LONG_S = 600.0


class Crew:
    """Bots that come and go."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self._url, self._stack = url, stack
        self.databases: list[Database] = []

    async def joins(self, length_s: float = LONG_S) -> Lease:
        database = await Database.connect(self._url)
        self.databases.append(database)
        self._stack.push_async_callback(database.close)
        return await self._stack.enter_async_context(shared_use(database, length_s, patience_s=0.0))


@pytest.fixture
async def crew(url: str, database: Database) -> AsyncIterator[Crew]:
    async with AsyncExitStack() as stack:
        yield Crew(url, stack)


async def expire(database: Database, lease: Lease) -> None:
    """So much time passes that a bot's lease is over."""
    async with database.write() as connection:
        passed = sa.update(bots).where(bots.c.id == lease.bot_id).values(expires_at=sa.text("now() - interval '1 s'"))
        await connection.execute(passed)


async def note(database: Database, member_id: int) -> None:
    async with database.write() as connection:
        await connection.execute(sa.insert(members).values(member_id=member_id, settings="{}"))


async def test_shards_are_dealt_out_fairly_and_change_hands(crew: Crew) -> None:
    first = await crew.joins()
    assert await first.agree(5, is_configured=False) == 5
    assert await first.deal() == (await first.deal())
    assert (await first.deal()).mine == {0, 1, 2, 3, 4}
    second = await crew.joins()
    deal = await first.deal()
    assert (deal.surplus, (await second.deal()).mine) == (2, set())
    await first.hand_over([3, 4])
    assert (await second.deal()).mine == {3, 4}
    assert await first.deal() == await first.deal()
    assert (await first.deal()).mine == {0, 1, 2}
    await first.leave()
    assert (await second.deal()).mine == {0, 1, 2, 3, 4}


async def test_many_at_once_never_share_a_shard(crew: Crew) -> None:
    leases = [await crew.joins() for _ in range(6)]
    await leases[0].agree(16, is_configured=False)
    for _ in range(3):
        deals = await asyncio.gather(*(lease.deal() for lease in leases))
    held = [shard for deal in deals for shard in deal.mine]
    assert sorted(held) == list(range(16))
    assert {len(deal.mine) for deal in deals} == {2, 3}


def placed(guild_id: int | None) -> Ask:
    return ask().model_copy(update={"place": Place(guild_id=guild_id, channel_id=10)})


async def test_who_is_silent_loses_its_shards_and_writes_nothing(crew: Crew, database: Database) -> None:
    silent, other = await crew.joins(), await crew.joins()
    await silent.agree(2, is_configured=False)
    await silent.deal()
    await other.deal()
    of_silent, of_other = crew.databases
    await expire(database, silent)
    await note(of_silent, 1)  # nobody has taken anything over yet
    assert (await other.deal()).mine == {0, 1}
    with pytest.raises(StoreError, match="lease ran out"):
        await note(of_silent, 2)
    assert silent.is_lost
    await note(of_other, 3)
    await silent.renew()
    assert silent.is_lost, "a lease that others have ended is not renewed"
    await silent.take()
    assert (await silent.deal()).mine == set()
    assert (await other.deal()).surplus == 1
    await note(of_silent, 4)


async def test_what_was_begun_is_over_before_another_takes_over(crew: Crew, database: Database) -> None:
    silent, other = await crew.joins(), await crew.joins()
    await silent.agree(1, is_configured=False)
    assert (await silent.deal()).mine == {0}
    async with crew.databases[0].write() as connection:
        await connection.execute(sa.insert(members).values(member_id=1, settings="{}"))
        await expire(database, silent)
        assert (await other.deal()).mine == set(), "somebody is still writing"
    assert (await other.deal()).mine == {0}


async def test_a_bot_frozen_inside_a_write_is_not_waited_for(crew: Crew, database: Database) -> None:
    frozen, other = await crew.joins(length_s=3.0), await crew.joins()
    await frozen.agree(1, is_configured=False)
    assert (await frozen.deal()).mine == {0}
    with pytest.raises(StoreError):
        async with crew.databases[0].write() as connection:
            limit = await connection.scalar(sa.text("SHOW idle_in_transaction_session_timeout"))
            assert limit == "3s"
            await expire(database, frozen)
            async with database.write() as server:  # what the server does after that time
                await server.execute(
                    sa.text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction' "
                        "AND datname = current_database() AND pid <> pg_backend_pid()"
                    )
                )
            await connection.execute(sa.select(1))
    for _ in range(1000):
        if (await other.deal()).mine == {0}:
            return
        await asyncio.sleep(0.01)
    pytest.fail("the frozen bot is waited for")


async def test_a_bot_alone_and_bots_that_share_keep_apart(crew: Crew, url: str, database: Database) -> None:
    async with sole_use(database, patience_s=0.0):
        with pytest.raises(ConfigError, match="used by another bot"):
            await crew.joins()
    shared = await crew.joins()
    with pytest.raises(ConfigError, match="used by another bot"):
        async with sole_use(database, patience_s=0.0):
            pytest.fail("both would run")
    await expire(crew.databases[-1], shared)
    async with sole_use(database, patience_s=0.0):
        with pytest.raises(StoreError, match="lease ran out"):
            await note(crew.databases[-1], 1)
        await note(database, 2)


async def test_all_agree_on_the_number_of_shards(crew: Crew) -> None:
    first, second = await crew.joins(), await crew.joins()
    assert await first.agree(2, is_configured=True) == 2
    await first.deal()
    assert await second.agree(3, is_configured=False) == 2
    with pytest.raises(ConfigError, match="the bots that run have 2"):
        await second.agree(3, is_configured=True)
    await first.leave()
    assert await second.agree(3, is_configured=True) == 3
    assert (await second.deal()).mine == {0, 1, 2}


async def test_identifies_of_all_bots_keep_discords_pause(crew: Crew) -> None:
    first, second = await crew.joins(), await crew.joins()
    await first.agree(4, is_configured=False)
    waits = await asyncio.gather(*(lease.identify_in_s(shard, 1) for shard in (0, 2) for lease in (first, second)))
    gaps = [later - earlier for earlier, later in zip(sorted(waits), sorted(waits)[1:], strict=False)]
    assert min(waits) == 0.0 and all(gap > IDENTIFY_S - 1.0 for gap in gaps)
    assert await first.identify_in_s(1, 2) == 0.0, "another bucket"


async def test_each_change_of_hands_is_counted(crew: Crew, database: Database) -> None:
    for epoch in (1, 2):
        lease = await crew.joins()
        await lease.agree(1, is_configured=False)
        await lease.deal()
        await lease.leave()
        async with database.read() as connection:
            assert await connection.scalar(sa.select(shards.c.epoch)) == epoch


async def test_work_is_that_of_held_shards(crew: Crew, database: Database) -> None:
    """The condition in SQL and the one in Python say the same, for every kind of place."""
    lease = await crew.joins()
    of_bot = crew.databases[0]
    of_bot.shards = HeldShards(3)
    guilds = [None, *(each << 22 for each in range(1, 7)), 800000000000000001]
    jobs_of = {guild: await accept(JobStore(database, NoLedger()), placed(guild)) for guild in guilds}
    async with database.write() as connection:
        owed = {"kind": "result", "epoch": 0, "tries": 0, "due_at": NOW, "error": "", "why": ""}
        await connection.execute(sa.insert(outbox), [{"job_id": job.id, **owed} for job in jobs_of.values()])
    for held in ((), (0,), (1, 2), (0, 1, 2)):
        of_bot.shards.ids = frozenset(held)
        found = await JobStore(of_bot, NoLedger()).here()
        assert found == {job.id for guild, job in jobs_of.items() if of_bot.is_ours(guild)}
        assert {entry.job_id for entry in (await OutboxStore(of_bot).look(NOW)).due} == found
        later = await OutboxStore(of_bot).look(NOW - timedelta(minutes=1))
        assert (later.next_at is None) == (not found) and later.due == []
        assert await RoundStore(of_bot).due(NOW) == await GameStore(of_bot).due(NOW) == []
        assert of_bot.is_ours(None) == (0 in held)
    assert lease.bot_id


async def test_one_can_see_who_shares_the_database(crew: Crew, database: Database) -> None:
    assert await who_shares(database) == Sharing(bots=0, shards=0, free=0)
    first, second = await crew.joins(), await crew.joins()
    await first.agree(4, is_configured=False)
    await first.deal()
    assert await who_shares(database) == Sharing(bots=2, shards=4, free=2)
    await second.deal()
    assert await who_shares(database) == Sharing(bots=2, shards=4, free=0)
    await expire(database, second)
    assert await who_shares(database) == Sharing(bots=1, shards=4, free=2)


async def test_rules_stay_in_memory_only_while_the_server_is_ours(crew: Crew) -> None:
    await (await crew.joins()).agree(1, is_configured=False)
    [mine] = crew.databases
    mine.shards, passed_s = HeldShards(1), [0.0]
    mine.shards.ids = frozenset({0})
    here, elsewhere = GuildRulesStore(mine, monotonic=lambda: passed_s[0]), GuildRulesStore(mine)
    assert (await here.get(5)).relaxed
    await elsewhere.change(lambda rules: rules.model_copy(update={"relaxed": False}), entry(1))
    assert (await here.get(5)).relaxed, "within seconds it is not read again"
    passed_s[0] += 6.0
    assert not (await here.get(5)).relaxed
    mine.shards.ids = frozenset()
    passed_s[0] += 6.0
    assert not (await here.get(5)).relaxed
    await elsewhere.change(lambda rules: rules.model_copy(update={"relaxed": True}), entry(2))
    assert (await here.get(5)).relaxed, "another bot's server is not remembered"


def entry(interaction_id: int) -> AuditEntry:
    """What a moderator did in server 5."""
    return AuditEntry(at=NOW, guild_id=5, actor_id=1, action="limits", interaction_id=interaction_id)
