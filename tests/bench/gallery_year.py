"""What the gallery takes with 100,000 public pictures of 40,000 jobs: python -m tests.bench.gallery_year

The pictures' files are not there: what is measured is pages, search by words and search by likeness, over HTTP.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil

from bot.store.database import Database
from tests.bench import year
from tests.bot.gallery.hall import Hall, hall, visiting

SIZE = year.Size(jobs=42_200, of_one_server=31_650, pictures=100_000, uploads=400)
WORDS = (
    "fox", "snow", "owl", "night", "apple", "castle", "river", "moon", "garden", "storm", "paper", "glass", "winter",
    "copper", "lantern",
)  # fmt: skip
TIMES = 60


def furnish(file: Path) -> None:
    """Let everything be public: everybody agreed, in one open channel, with words that differ."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DELETE FROM uploads")
        members = [(number, '{"gallery":true}') for number in range(1, SIZE.members + 1)]
        connection.executemany("INSERT OR REPLACE INTO members VALUES (?, ?)", members)
        rows = connection.execute("SELECT id, spec, reply FROM jobs").fetchall()
        changed = list[tuple[str, str, str]]()
        for number, (job_id, spec, reply) in enumerate(rows):
            said, to = json.loads(spec), json.loads(reply)
            said["options"]["prompt"] = (
                " ".join(WORDS[(number * step) % len(WORDS)] for step in (1, 2, 4, 7)) + f" {number}"
            )
            changed.append((json.dumps(said), json.dumps({**to, "open_channel_id": 10}), job_id))
        connection.executemany("UPDATE jobs SET spec = ?, reply = ?, guild_id = 5 WHERE id = ?", changed)
        connection.commit()


async def measured(ask: Callable[[int], Awaitable[object]]) -> str:
    """Median and 95th percentile of wall and processor time in ms; the latter is the visitor's, too."""
    walls, works = list[float](), list[float]()
    for number in range(TIMES):
        began, worked = time.perf_counter(), time.process_time()
        await ask(number)
        walls.append((time.perf_counter() - began) * 1000)
        works.append((time.process_time() - worked) * 1000)
    said = [f"{statistics.median(took):6.1f} {sorted(took)[int(0.95 * TIMES)]:6.1f}" for took in (walls, works)]
    return f"wall {said[0]}  processor {said[1]}"


async def main() -> None:
    """Make the year, look at it once, measure."""
    with tempfile.TemporaryDirectory() as name:
        folder, process = Path(name), psutil.Process()
        await (await Database.open(folder / "darkroom.sqlite3")).close()
        year.fill(folder / "darkroom.sqlite3", SIZE)
        furnish(folder / "darkroom.sqlite3")
        async with hall(folder) as made:
            await look(made, process)


async def look(made: Hall, process: psutil.Process) -> None:
    """Print the table."""
    before, began = process.memory_info().rss, time.perf_counter()
    async with visiting(made) as visitor:
        gallery = visitor.gallery
        print(f"looked at everything in {time.perf_counter() - began:.1f} s: {len(gallery.catalogue)} jobs")
        random = np.random.default_rng(1)
        for number, entry in enumerate(gallery.catalogue.newest(10**6)):
            for cell in range(entry.cells):
                gallery.likeness.put(
                    (entry.place.job_id, cell), random.standard_normal(384).astype(np.float16).tobytes()
                )
            if number % 1000 == 0:
                await asyncio.sleep(0)
        print(f"{len(gallery.likeness)} pictures, {(process.memory_info().rss - before) / 2**20:.0f} MB more memory")
        newest = gallery.catalogue.newest(3000)
        asks: dict[str, Callable[[int], str]] = {
            "first page": lambda _: "/",
            "a page far back": lambda number: (
                f"/?after={int(newest[40 * number].place.created_at.timestamp() * 1e6)}-zz"
            ),
            "one picture": lambda number: f"/p/{newest[7 * number].place.job_id}/1",
            "search, many hits": lambda number: f"/?q={WORDS[number % len(WORDS)]}",
            "search, one hit": lambda number: f"/?q={WORDS[number % 9]}+{1000 + number}",
            "search, no hit": lambda number: f"/?q=zebra{number}",
            "search by look": lambda number: f"/?q=a+red+{WORDS[number % 9]}&way=look",
        }
        for title, path in asks.items():
            took = await measured(lambda number, path=path: visitor.get(path(number)))
            print(f"{title:20} median and p95 in ms: {took}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
