"""A year of a busy server in one SQLite file: 200,000 jobs, 520,000 pictures, 2,000 members, 60,000 uploads.

Written with plain SQL into whatever schema the file has, so that an older build can be given the same year.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot.domain.model import JobSpec, Options, Verb
from bot.domain.quotas.windows import Window, span
from bot.store.jobs.admission import asked_columns
from tests.bot.store.asks import NOW, ask

GUILD, ALL_DAYS, COUNTED_DAYS = 5, 365, 40
LIVE, FAMILY = 12, 200


@dataclass(frozen=True, slots=True)
class Size:
    """How large the year is."""

    jobs: int = 200_000
    of_one_server: int = 150_000
    pictures: int = 520_000
    members: int = 2_000
    uploads: int = 60_000


def fill(file: Path, size: Size) -> None:
    """Write the year into a database that was just made."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        year = list(_jobs(size))
        _insert(connection, "jobs", year)
        _insert(connection, "cells", _cells(year, size))
        _insert(connection, "posts", _posts(year))
        _insert(connection, "uploads", _uploads(year, size))
        _insert(connection, "reservations", _reservations(year))
        _insert(connection, "quota_counters", _counters(year))
        connection.commit()


def _insert(connection: sqlite3.Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    rows = iter(rows)
    first = next(rows)
    # an older build's table may lack columns
    has = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[1] in first]
    names = ", ".join(f'"{name}"' for name in has)
    statement = f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(has))})"
    connection.executemany(statement, (tuple(row[name] for name in has) for row in chain([first], rows)))


def _jobs(size: Size) -> Iterator[dict[str, Any]]:
    draw = random.Random(20)
    spec = JobSpec(verb=Verb.IMAGINE, options=Options(prompt="a red fox in the snow, " * 4), seed=7)
    blank = {
        "epoch": 1, "attempts": 1, "model": "pocket", "weight": 1.0, "estimate_ms": 1000.0, "error": "",
        "recipe": json.dumps({"prompt": "a red fox " * 20, "num_inference_steps": 25, "width": 512, "height": 512}),
        "notes": "[]", "captions": "[]", "spoiler": 0, "frames_key": None, **asked_columns(ask(spec=spec)),
        "token": None, "token_until": None,
    }  # fmt: skip
    for number in range(size.jobs):
        at = NOW - timedelta(days=ALL_DAYS) * (1 - (number + 1) / size.jobs)
        is_live = number >= size.jobs - LIVE
        state = "queued" if is_live else draw.choices(("delivered", "failed", "cancelled"), (95, 2, 3))[0]
        drawn = state == "delivered"
        has_family = number < FAMILY
        yield {
            **blank,
            "id": f"j{number:09}",
            "state": state,
            "model": draw.choice(("pocket", "sdxl", "flux")),
            "member_id": 1 if has_family else draw.randrange(1, size.members + 1),
            "guild_id": GUILD if draw.random() < size.of_one_server / size.jobs else draw.choice((6, 7, 8, None)),
            "interaction_id": number + 1,
            "parent_id": f"j{(number - 1) // 2:09}" if has_family and number else None,
            "message_id": None if is_live else 10**9 + number,
            "gpu_ms": 900.0 + number % 7 if drawn else 300.0 if state == "cancelled" else None,
            "created_at": _time(at),
            "started_at": None if is_live else _time(at + timedelta(seconds=number % 40)),
            "rendered_at": _time(at + timedelta(seconds=50)) if drawn else None,
            "finished_at": None if is_live else _time(at + timedelta(seconds=51)),
        }


def _cells(year: Sequence[Mapping[str, Any]], size: Size) -> Iterator[dict[str, Any]]:
    drawn = [job["id"] for job in year if job["state"] == "delivered"]
    for number in range(size.pictures):
        job_id, cell = drawn[number % len(drawn)], number // len(drawn)
        yield {
            "job_id": job_id, "cell": cell, "key": f"jobs/{job_id}/{cell}.png", "width": 512, "height": 512,
            "seed": 7 + cell, "sha256": "0" * 64, "size_bytes": 400_000, "unsafe_score": 0.01, "check_error": "",
            "latents_key": None,
        }  # fmt: skip


def _posts(year: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for job in year:
        if job["message_id"]:
            yield {"message_id": job["message_id"], "channel_id": 10, "job_id": job["id"], "cell": None}


def _uploads(year: Sequence[Mapping[str, Any]], size: Size) -> Iterator[dict[str, Any]]:
    step = max(1, len(year) // size.uploads)
    for number in range(min(size.uploads, len(year))):
        job = year[number * step]
        key = f"uploads/{number % (size.uploads // 2):06}.png"
        yield {"job_id": job["id"], "member_id": job["member_id"], "key": key}


def _counted(year: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], dict[str, str]]]:
    """The jobs of the last days and the ends of their windows, by the windows' keys."""
    from datetime import datetime

    since, utc = _time(NOW - timedelta(days=COUNTED_DAYS)), ZoneInfo("UTC")
    for job in year:
        if job["created_at"] >= since:
            at = datetime.fromisoformat(job["created_at"]).replace(tzinfo=NOW.tzinfo)
            spans = {window: span(window, at, utc) for window in Window}
            yield job, {f"{window} {found.key}": _time(found.end) for window, found in spans.items()}


def _reservations(year: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for job, spans in _counted(year):
        yield {
            "job_id": job["id"], "guild_id": job["guild_id"] or 0, "member_id": job["member_id"], "channel_id": 10,
            "age_restricted": 0, "state": "held" if job["state"] == "queued" else "settled", "held_pictures": 4,
            "held_ms": 1000, "pictures": 4, "gpu_ms": 900, "spans": json.dumps(sorted(spans)),
            "created_at": job["created_at"],
        }  # fmt: skip


def _counters(year: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    seen = set[tuple[Any, ...]]()
    for job, spans in _counted(year):
        for scope, subject in (("member", job["member_id"]), ("channel", 10)):
            for unit in ("pictures", "GPU-seconds"):
                for key, ends_at in spans.items():
                    row = (job["guild_id"] or 0, scope, subject, unit, key)
                    if row not in seen:
                        seen.add(row)
                        names = ("guild_id", "scope", "subject_id", "unit", "span")
                        counts = {"used": 4, "cap": None, "granted": 0, "forgiven": 0, "ends_at": ends_at}
                        yield {**dict(zip(names, row, strict=True)), **counts}


def _time(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S.%f}"
