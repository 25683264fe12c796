"""A large crowd on stand-in devices: 2,500 servers, 50,000 members, 20 jobs a second, two bots over one PostgreSQL.

python -m tests.bench.crowd --seconds 3600            # simulated; needs DARKROOM_TEST_POSTGRES
python -m tests.bench.crowd --seconds 300 --paced     # asks no faster than 20 a second of real time

Real: job service, quotas, leases, PostgreSQL; each bot is a process of its own, which takes the asks of its servers.
Stand-ins: devices (see `stand_ins`), Discord and the picture files. The simulated clock moves 50 ms with each job that
is asked for; how long that takes depends on the machine. An admission is measured from `submit` to the accepted job:
unpaced while up to `AT_ONCE` other jobs of the bot are being written down as fast as the machine can, which shows the
backlog and the memory; paced as members would wait for it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import json
import random
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
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


@dataclass
class Minute:
    """A simulated minute: milliseconds of each admission, most requests that waited for a device, and the rest."""

    took_ms: list[float] = field(default_factory=list[float])
    waiting: int = 0
    memory_mib: float = 0.0
    delivered: int = 0
    refused: int = 0


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
async def running(url: str, shard: int, clock: Clock) -> AsyncGenerator[Bot]:
    """One bot with a lease and its share of the shards."""
    database = await Database.connect(url)
    database.shards = HeldShards(BOTS)
    database.shards.ids = frozenset({shard})
    async with shared_use(database, 15.0):
        bot = Bot(database, clock, random.Random(20 + shard))
        await bot.service.start()
        gc.freeze()  # as the service does
        yield bot
        await bot.service.stop(0.0)
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


def until_few_are_written(bot: Bot) -> Iterator[None]:
    """Yield while too many jobs are being written down."""
    while bot.written_down > AT_ONCE:
        yield


async def in_step(clock: Clock, began_s: float) -> None:
    """Wait until real time has caught up with the simulated."""
    await asyncio.sleep(max(0.0, clock.passed_s - (time.monotonic() - began_s)))


async def simulate(url: str, shard: int, seconds: float, *, is_paced: bool) -> AsyncIterator[Minute]:
    """Ask what is this bot's, draw, deliver; yield what each simulated minute was like."""
    dice, clock, process = random.Random(20), Clock(), psutil.Process()
    async with running(url, shard, clock) as bot:
        minute, began_s = Minute(), time.monotonic()
        for number in range(int(seconds * JOBS_A_SECOND)):
            clock.passed_s = number / JOBS_A_SECOND
            bot.devices.advance(clock.passed_s)
            ask = asked(number, dice)
            if bot.database.is_ours(ask.place.guild_id):
                if is_paced:
                    await in_step(clock, began_s)
                for _ in until_few_are_written(bot):
                    await asyncio.sleep(0.001)
                await one(bot, ask, minute)
            if (number + 1) % (60 * JOBS_A_SECOND) == 0:
                minute.memory_mib, minute.delivered = process.memory_info().rss / 2**20, bot.let_go.delivered
                yield minute
                minute = Minute()


async def one(bot: Bot, ask: Ask, minute: Minute) -> None:
    """Ask for one job, and note how it went."""
    at_s = time.perf_counter()
    try:
        await bot.service.submit(ask)
    except (UserError, EngineError):
        minute.refused += 1
    minute.took_ms.append(1e3 * (time.perf_counter() - at_s))
    minute.waiting = max(minute.waiting, bot.devices.waiting)


async def tell(url: str, shard: int, seconds: float, *, is_paced: bool) -> None:
    """Print this bot's minutes for the process that began it."""
    async for minute in simulate(url, shard, seconds, is_paced=is_paced):
        print(json.dumps(asdict(minute)), flush=True)


async def main(seconds: float, *, is_paced: bool = False) -> None:
    """Let the bots run as processes on a database of their own; print a line for each simulated minute."""
    async with FreshPostgres() as url:
        await (await Database.open(url)).close()
        began_s, paced = time.monotonic(), ["--paced"] if is_paced else []
        told = [sys.executable, "-m", "tests.bench.crowd", "--seconds", f"{seconds}", "--url", url, *paced]
        children = [
            await asyncio.create_subprocess_exec(*told, "--shard", f"{shard}", stdout=subprocess.PIPE)
            for shard in range(BOTS)
        ]
        print(f"{'minute':>6}{'p50 ms':>9}{'p95 ms':>9}{'waiting':>9}{'memory MiB':>12}{'delivered':>11}{'refused':>9}")
        minutes = [minute async for minute in _printed(children)]
        took_s = time.monotonic() - began_s
    took_ms = sorted(itertools.chain.from_iterable(minute.took_ms for minute in minutes))
    print(f"{len(took_ms)} jobs in {took_s:.0f} s; {seconds / took_s:.2f} simulated seconds a second")
    print(f"admission p50 {_at(took_ms, 0.5):.1f} ms, p95 {_at(took_ms, 0.95):.1f} ms")
    print(f"most waiting for a device: {max(minute.waiting for minute in minutes)}")
    print(f"memory after a minute {minutes[0].memory_mib:.0f} MiB, at the end {minutes[-1].memory_mib:.0f} MiB")


async def _printed(children: Sequence[asyncio.subprocess.Process]) -> AsyncIterator[Minute]:
    """Add up what the bots tell of each minute."""
    for number in itertools.count(1):
        lines = [await child.stdout.readline() for child in children if child.stdout is not None]
        if not all(lines):
            return
        each = [Minute(**json.loads(line)) for line in lines]
        summed = Minute(
            sorted(itertools.chain.from_iterable(one.took_ms for one in each)),
            *(sum(getattr(one, name) for one in each) for name in ("waiting", "memory_mib", "delivered", "refused")),
        )
        print(
            f"{number:6}{_at(summed.took_ms, 0.5):9.1f}{_at(summed.took_ms, 0.95):9.1f}{summed.waiting:9}"
            f"{summed.memory_mib:12.0f}{summed.delivered:11}{summed.refused:9}",
            flush=True,
        )
        yield summed


def _at(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0, help="simulated seconds")
    parser.add_argument("--paced", action="store_true", help="not faster than real time")
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--shard", type=int, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.url is None:
        asyncio.run(main(told.seconds, is_paced=told.paced))
    else:
        asyncio.run(tell(told.url, told.shard, told.seconds, is_paced=told.paced))
