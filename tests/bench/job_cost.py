"""What one job costs the bot: processor time of its admission and of its whole life, and its statements.

python -m tests.bench.job_cost                        # SQLite, and PostgreSQL where DARKROOM_TEST_POSTGRES is set
python -m tests.bench.job_cost --against OTHER_TREE   # both trees in turn, each run a process of its own

Real: job service, quotas, leases on PostgreSQL, the database. Stand-ins as in `crowd`: devices, Discord, the files.
The processor time is that of the bot's process with all its threads, without the PostgreSQL server.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import event

from bot.shards import HeldShards
from bot.store.database import Database
from bot.store.leases import shared_use
from tests.bench.crowd import BOTS, Bot, Clock, asked
from tests.bot.store.postgres import OFFERED, FreshPostgres

WARM, MEASURED, ROUNDS = 20, 60, 2
_LOOK_S = 0.005
_POOLS = ("student", "reader", "writer")
_NAMES = {"statements": "statements a job", "admission_ms": "admission, CPU ms", "life_ms": "whole life, CPU ms"}


@asynccontextmanager
async def running(url: str) -> AsyncGenerator[Bot]:
    """One bot that has the whole database: beside others by its lease on PostgreSQL, alone on SQLite."""
    database = await Database.open(url)
    if url.startswith("sqlite"):
        bot = Bot(database, Clock(), random.Random(20))
        await bot.service.start()
        yield bot
        await bot.service.stop(0.0)
    else:
        database.shards = HeldShards(BOTS)
        database.shards.ids = frozenset(range(BOTS))
        async with shared_use(database, 15.0):
            bot = Bot(database, Clock(), random.Random(20))
            await bot.service.start()
            yield bot
            await bot.service.stop(0.0)
    await database.close()


class Statements:
    """Counts what the database is told."""

    def __init__(self, database: Database) -> None:
        self.count = 0
        # On PostgreSQL the reader is the writer's engine with another isolation level.
        engines = {id(each.pool): each for each in (getattr(database, f"_{name}").sync_engine for name in _POOLS)}
        for engine in engines.values():
            for moment in ("before_cursor_execute", "commit"):
                event.listen(engine, moment, self._note)

    def _note(self, *_: object) -> None:
        self.count += 1


async def life(bot: Bot, number: int, dice: random.Random) -> float:
    """One job from the ask to its delivery; returns the processor seconds of its admission."""
    ask, clock = asked(number, dice), bot.devices
    used = time.process_time()
    await bot.service.submit(ask)
    admission = time.process_time() - used
    await until(lambda: clock.under_way > 0)
    at_s = float(number * 10)
    clock.advance(at_s)
    clock.advance(at_s + 9.0)
    await until(lambda: not bot.service.running and bot.let_go.delivered > number)
    return admission


async def until(is_so: Callable[[], bool]) -> None:
    """Look often enough, and seldom enough to cost nothing."""
    for _ in iter(is_so, True):
        await asyncio.sleep(_LOOK_S)


async def measure(url: str) -> dict[str, float]:
    """Measure after a warm-up, one job after another."""
    dice = random.Random(20)
    async with running(url) as bot:
        for number in range(WARM):
            await life(bot, number, dice)
        gc.collect()
        gc.freeze()
        said, used = Statements(bot.database), time.process_time()
        admissions = [await life(bot, number, dice) for number in range(WARM, WARM + MEASURED)]
        used = time.process_time() - used
    return {
        "statements": said.count / MEASURED,
        "admission_ms": 1e3 * statistics.median(admissions),
        "life_ms": 1e3 * used / MEASURED,
    }


async def _child(kind: str) -> None:
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(await measure(f"sqlite+aiosqlite:///{folder}/darkroom.sqlite3")))
        return
    async with FreshPostgres() as url:
        print(json.dumps(await measure(url)))


def main(trees: Sequence[Path]) -> None:
    """Print a table; the trees take turns, so that a busy machine is busy for both."""
    for kind in ("sqlite", *(["postgresql"] if os.environ.get(OFFERED) else [])):
        found: dict[Path, list[dict[str, float]]] = {tree: [] for tree in trees}
        for _ in range(ROUNDS):
            for tree in trees:
                told = [sys.executable, __file__, "--child", kind]
                environment = {**os.environ, "PYTHONPATH": str(tree)}
                run = subprocess.run(told, cwd=tree, env=environment, check=True, capture_output=True, text=True)
                found[tree].append(json.loads(run.stdout))
        for name, words in _NAMES.items():
            middle = [statistics.median(one[name] for one in found[tree]) for tree in trees]
            print(f"{kind:>10} {words:<20}" + "".join(f"{value:9.2f}" for value in middle))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, help="another tree, in the first column")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        asyncio.run(_child(given.child))
    else:
        main([*([given.against.resolve()] if given.against else []), Path(__file__).parents[2]])
