"""The table of what a year of a busy server costs, this build beside an older one, on the same SQLite data.

python -m tests.bench.year_table --against ../older-checkout    # with DARKROOM_TEST_POSTGRES: on PostgreSQL, too
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.bench import year
from tests.bench.year_postgres import copy_year
from tests.bot.store.postgres import OFFERED, FreshPostgres

HERE = Path(__file__).parents[2]
AIMS_MS: Mapping[str, float] = {
    "served at start": 5, "unfinished at start": 20, "active(), the status line": 20, "active(guild), /mod queue": 10,
    "/quota show": 5, "/stats of 366 days": 150, "/metrics": 5, "/info me with 100 jobs": 10, "family of 200": 20,
    "claim + keep": 15, "accept beside retention, max": 60,
}  # fmt: skip
_OPEN = "import asyncio, sys; from pathlib import Path; from bot.store.database import Database\n" + (
    "async def main():\n    await (await Database.open(Path(sys.argv[1]))).close()\nasyncio.run(main())"
)


def main() -> None:
    """Make the year, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, help="a checkout of the older build")
    against: Path | None = parser.parse_args().against
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.sqlite3", Path(folder) / "after.sqlite3"
        _run(against or HERE, "-c", _OPEN, str(before))
        began = time.perf_counter()
        year.fill(before, year.Size())
        print(f"a year of {before.stat().st_size / 2**20:.0f} MiB in {time.perf_counter() - began:.0f} s")
        shutil.copy(before, after)
        began = time.perf_counter()
        _run(HERE, "-c", _OPEN, str(after))
        print(f"opened and migrated in {time.perf_counter() - began:.1f} s")
        old = _measure(against, str(before)) if against else {}
        served = asyncio.run(_measure_served(after)) if OFFERED in os.environ else {}
        print(_table(old, _measure(HERE, str(after)), served))


def _measure(build: Path, location: str) -> dict[str, float]:
    # The older build may not have this script: it runs this one on its own code.
    return json.loads(_run(build, str(HERE / "tests" / "bench" / "year_tasks.py"), location))


async def _measure_served(file: Path) -> dict[str, float]:
    """The same on a PostgreSQL database of its own."""
    async with FreshPostgres() as url:
        began = time.perf_counter()
        await copy_year(file, url)
        print(f"copied to PostgreSQL in {time.perf_counter() - began:.0f} s")
        return await asyncio.to_thread(_measure, HERE, url)


def _run(build: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(build.resolve())}
    done = subprocess.run((sys.executable, *arguments), cwd=build, env=environment, check=True, stdout=subprocess.PIPE)
    return done.stdout.decode()


def _table(old: Mapping[str, float], new: Mapping[str, float], served: Mapping[str, float]) -> str:
    lines = [f"{'ms':32}{'before':>10}{'now':>10}{'PostgreSQL':>12}{'aim':>8}"]
    for name, now in new.items():
        was = f"{old[name]:10.1f}" if old else f"{'':10}"
        there = f"{served[name]:12.1f}" if served else f"{'':12}"
        is_met = max(now, served.get(name, 0.0)) <= AIMS_MS[name]
        lines.append(f"{name:32}{was}{now:10.1f}{there}{AIMS_MS[name]:8.0f}{'' if is_met else '  missed'}")
    if old:
        total, was = sum(new.values()), sum(old.values())
        there = f"{sum(served.values()):12.1f}" if served else f"{'':12}"
        lines.append(f"{'sum':32}{was:10.1f}{total:10.1f}{there}{0.1 * was:8.0f}  {total / was:.3f} of before")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
