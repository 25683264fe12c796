"""A large crowd on stand-in devices: 2,500 servers, 50,000 members, 20 jobs a second, two bots over one PostgreSQL.

python -m tests.bench.crowd --seconds 3600            # simulated; needs DARKROOM_TEST_POSTGRES
python -m tests.bench.crowd --seconds 300 --paced     # asks no faster than 20 a second of real time

Real: job service, quotas, leases, PostgreSQL. Stand-ins: devices (see `stand_ins`), Discord and the picture files. The
simulated clock moves 50 ms with each job that is asked for; how long that takes depends on the machine. An admission is
measured from `submit` to the accepted job: unpaced while up to `AT_ONCE` other jobs are being written down as fast as
the machine can, which shows the backlog and the memory; paced as members would wait for it.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import psutil

from bot.domain.jobs.dependencies import Ports
from bot.domain.jobs.job_service import JobService
from bot.domain.model import Ask, JobSpec, Member, Options, Place, ReplyTo, Verb
from bot.domain.moderation.rule_checker import RuleChecker
from bot.domain.prompting.engine_requests import Wording
from bot.errors import UserError
from bot.shards import HeldShards
from bot.store.database import Database
from bot.store.guilds.guild_rules import GuildRulesStore
from bot.store.guilds.quota_ledger import Quotas
from bot.store.jobs.jobs import JobStore
from bot.store.jobs.outbox import OutboxStore
from bot.store.leases import shared_use
from engine.errors import EngineError
from tests.bench.stand_ins import LetGo, StandInDevices
from tests.bot.domain.studios import Remembered
from tests.bot.store.postgres import FreshPostgres

SERVERS, MEMBERS, JOBS_A_SECOND = 2_500, 50_000, 20
BOTS, DEVICES, MEAN_S, AT_ONCE = 2, 25, 2.0, 20
"""50 devices in all, each 2 s a job: they could draw 25 jobs a second."""
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Clock:
    """Simulated time."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def __call__(self) -> datetime:
        return START + timedelta(seconds=self.passed_s)


class Bot:
    """A job service with shards of its own."""

    def __init__(self, database: Database, clock: Clock, dice: random.Random) -> None:
        self.database, self.devices, self.let_go = database, StandInDevices(DEVICES, MEAN_S, dice), LetGo()
        rules = GuildRulesStore(database)
        quotas = Quotas(database, rules)
        self.jobs = JobStore(database, quotas)
        self.service = JobService(
            Ports(
                engine=self.devices, jobs=self.jobs, outbox=OutboxStore(database), pictures=self.let_go,
                replies=self.let_go, rules=RuleChecker(rules, quotas, clock, None), estimates=Remembered(),
                wording=Wording(), clock=clock, is_ours=database.is_ours,
            )
        )  # fmt: skip

    @property
    def written_down(self) -> int:
        """How many jobs are neither drawn nor waiting for a device: their rows are being written."""
        return len(self.service.running) - self.devices.under_way


@asynccontextmanager
async def bots(url: str, clock: Clock, dice: random.Random) -> AsyncIterator[list[Bot]]:
    """Each with a lease, and its share of the shards."""
    await (await Database.open(url)).close()
    async with _joined(url, 0) as first, _joined(url, 1) as second:
        found = [Bot(database, clock, dice) for database in (first, second)]
        for bot in found:
            await bot.service.start()
        yield found
        for bot in found:
            await bot.service.stop(0.0)


@asynccontextmanager
async def _joined(url: str, shard: int) -> AsyncIterator[Database]:
    database = await Database.connect(url)
    database.shards = HeldShards(BOTS)
    database.shards.ids = frozenset({shard})
    async with shared_use(database, 15.0):
        yield database
    await database.close()


def asked(number: int, dice: random.Random) -> Ask:
    """A member of one of the servers asks for a grid."""
    guild, member = dice.randrange(SERVERS) + 1, dice.randrange(MEMBERS) + 1
    place = Place(guild_id=guild << 22, channel_id=(guild << 22) + 1)
    options = Options(prompt=f"a red fox number {number}")
    return Ask(
        spec=JobSpec(verb=Verb.IMAGINE, options=options, seed=number),
        member=Member(id=member, name=f"member {member}", guild_id=place.guild_id),
        place=place,
        reply=ReplyTo(channel_id=place.channel_id, message_id=None, token="t", expires_at=START + timedelta(days=1)),
        interaction_id=number + 1,
    )


def until_few_are_written(all_bots: Sequence[Bot]) -> Iterator[None]:
    """Yield while too many jobs are being written down."""
    while sum(bot.written_down for bot in all_bots) > AT_ONCE:
        yield


async def in_step(clock: Clock, began_s: float) -> None:
    """Wait until real time has caught up with the simulated."""
    await asyncio.sleep(max(0.0, clock.passed_s - (time.monotonic() - began_s)))


async def simulate(url: str, seconds: float, *, is_paced: bool) -> None:
    """Ask, draw, deliver; print a line for each simulated minute."""
    dice, clock, took_ms, refused = random.Random(20), Clock(), list[float](), 0
    process, began_s = psutil.Process(), time.monotonic()
    print(f"{'minute':>6}{'p50 ms':>9}{'p95 ms':>9}{'waiting':>9}{'memory MiB':>12}{'delivered':>11}{'refused':>9}")
    async with bots(url, clock, dice) as all_bots:
        waiting, memory = list[int](), list[float]()
        for number in range(int(seconds * JOBS_A_SECOND)):
            clock.passed_s = number / JOBS_A_SECOND
            for bot in all_bots:
                bot.devices.advance(clock.passed_s)
            if is_paced:
                await in_step(clock, began_s)
            for _ in until_few_are_written(all_bots):
                await asyncio.sleep(0.001)
            ask = asked(number, dice)
            bot = next(each for each in all_bots if each.database.is_ours(ask.place.guild_id))
            at_s = time.perf_counter()
            try:
                await bot.service.submit(ask)
            except (UserError, EngineError):
                refused += 1
            took_ms.append(1e3 * (time.perf_counter() - at_s))
            waiting.append(sum(each.devices.waiting for each in all_bots))
            if (number + 1) % (60 * JOBS_A_SECOND) == 0:
                memory.append(process.memory_info().rss / 2**20)
                last = took_ms[-60 * JOBS_A_SECOND :]
                delivered = sum(each.let_go.delivered for each in all_bots)
                points = statistics.quantiles(last, n=20)
                print(
                    f"{len(memory):6}{points[9]:9.1f}{points[18]:9.1f}{max(waiting[-1200:]):9}{memory[-1]:12.0f}"
                    f"{delivered:11}{refused:9}",
                    flush=True,
                )
    points, took_s = statistics.quantiles(took_ms, n=20), time.monotonic() - began_s
    print(f"{len(took_ms)} jobs in {took_s:.0f} s; {seconds / took_s:.2f} simulated seconds a second")
    print(f"admission p50 {points[9]:.1f} ms, p95 {points[18]:.1f} ms; most waiting for a device: {max(waiting)}")
    if len(memory) > 1:
        print(f"memory after a minute {memory[0]:.0f} MiB, at the end {memory[-1]:.0f} MiB")


async def main(seconds: float, *, is_paced: bool = False) -> None:
    """On a database of its own."""
    async with FreshPostgres() as url:
        await simulate(url, seconds, is_paced=is_paced)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0, help="simulated seconds")
    parser.add_argument("--paced", action="store_true", help="not faster than real time")
    told = parser.parse_args()
    asyncio.run(main(told.seconds, is_paced=told.paced))
