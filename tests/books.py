"""The books of a bot at rest, read from its SQLite file and its picture folder: what does not add up, in words."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bot.domain.model import Verb
from bot.domain.quotas.quota import pictures

JOBS = """select jobs.id, jobs.state, jobs.verb, jobs.count, reservations.state, pictures,
                 (select count(*) from cells where cells.job_id = jobs.id)
          from jobs left join reservations on reservations.job_id = jobs.id"""
KEYS = """select key from cells union select key from uploads
          union select frames_key from jobs where frames_key is not null"""
SETTLED = """select guild_id, member_id, channel_id, spans, pictures, gpu_ms from reservations
             where state = 'settled'"""


def audited(folder: Path) -> list[str]:
    """Everything that is wrong: charged and not delivered, delivered and not kept, counted and not charged.

    For a bot from which nobody had everything deleted: what they used stays counted.
    """
    with sqlite3.connect(folder / "darkroom.sqlite3") as store:
        return [*_jobs(store), *_counters(store), *_files(store, folder / "pictures")]


def _jobs(store: sqlite3.Connection) -> Iterator[str]:
    for job, state, verb, count, booked, charged, cells in store.execute(JOBS):
        made, price = 0 if verb == "describe" else count, pictures(Verb(verb), count)
        if state in ("delivered", "review"):
            if (booked, charged) != ("settled", price):
                yield f"{job} is {state} with {made} pictures for {price}, and {charged} are {booked}"
            if cells not in (0, made):  # 0: they were deleted since
                yield f"{job} has {cells} of {made} pictures"
        elif state in ("failed", "cancelled"):
            most = price if state == "cancelled" else 0  # what was drawn of it when a preview was shown already
            if booked == "held" or (booked == "settled" and charged > most):
                yield f"{job} is {state}, and {charged} pictures are {booked}"
        else:
            yield f"{job} is {state} still"


def _counters(store: sqlite3.Connection) -> Iterator[str]:
    owed: Counter[tuple[object, ...]] = Counter()
    for guild, member, channel, spans, used_up, gpu_ms in store.execute(SETTLED):
        for span in json.loads(spans):
            for scope, subject in (("member", member), ("channel", channel)):
                owed[guild, scope, subject, "pictures", span] += used_up
                owed[guild, scope, subject, "GPU-seconds", span] += gpu_ms
    for *place, used in store.execute("select guild_id, scope, subject_id, unit, span, used from quota_counters"):
        if used != owed[tuple(place)]:
            yield f"{place} counts {used}, and {owed[tuple(place)]} are charged"


def _files(store: sqlite3.Connection, folder: Path) -> Iterator[str]:
    for (key,) in store.execute(KEYS):
        if not (folder / key).is_file():
            yield f"{key} is named and not there"
