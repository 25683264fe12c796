"""Restores that are killed at every step they take on the disk, each in a process of its own; prints what is left.

Run as `python -m tests.bot.store.backup.killed_restore FOLDER PICTURES BACKUP`. FOLDER and PICTURES are put back to
what they were before each kill.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from bot.settings import Settings
from bot.store.backup.exchange import JOURNAL
from bot.store.backup.restore import finish_restore, restore

STEPS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}
KILLED, DONE, FAILED = 9, 0, 1


def main(folder: Path, pictures: Path, backup: Path) -> None:
    """Kill at step 1, 2, 3 and so on, until one restore ends by itself."""
    settings = Settings(data_dir=folder, pictures_url=str(pictures))
    saved = backup.parent / "saved"
    for place, name in ((folder, "data"), (pictures, "pictures")):
        shutil.copytree(place, saved / name)
    outcomes: list[dict[str, Any]] = []
    for step in itertools.count(1):
        ended = in_a_child(lambda: restore(settings, backup), kill_at=step)
        was_under_way = (folder / JOURNAL).exists()
        # Whoever goes on is killed too, after a step: the next one goes on from there.
        in_a_child(lambda: finish_restore(settings), kill_at=2)
        finished = in_a_child(lambda: finish_restore(settings))
        state = {"ended": ended, "finished": finished, "was_under_way": was_under_way, **look(folder, pictures)}
        outcomes.append(state)
        if ended != KILLED:
            break
        for place, name in ((folder, "data"), (pictures, "pictures")):
            for leftover in (place, *place.parent.glob("before-restore-*")):
                shutil.rmtree(leftover)
            shutil.copytree(saved / name, place)
    sys.stdout.write(json.dumps(outcomes))


def look(folder: Path, pictures: Path) -> dict[str, Any]:
    """Which jobs and pictures there are now, and which lie aside."""
    with closing(sqlite3.connect(folder / "darkroom.sqlite3")) as connection:
        jobs = sorted(row[0] for row in connection.execute("SELECT id FROM jobs"))
    asides = [aside for place in (folder, pictures.parent) for aside in place.glob("before-restore-*")]
    return {
        "jobs": jobs,
        "pictures": list(names(pictures)),
        "aside": sorted({name for aside in asides for name in names(aside / "pictures")}),
    }


def names(pictures: Path) -> Iterator[str]:
    """The jobs whose pictures are there, whole."""
    return (path.parent.name for path in sorted(pictures.rglob("*.png")) if path.read_bytes() == b"picture")


def in_a_child(work: Callable[[], Coroutine[Any, Any, object]], kill_at: int | None = None) -> int:
    """Run it in a fork that dies right before the step of that number; returns its exit code."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    steps = itertools.count(1)

    def audit(event: str, _: object) -> None:
        if event in STEPS and next(steps) == kill_at:
            os._exit(KILLED)

    sys.addaudithook(audit)
    try:
        asyncio.run(work())
    except BaseException as error:  # noqa: BLE001 - the parent reads it
        sys.stderr.write(f"{error!r}\n")
        os._exit(FAILED)
    os._exit(DONE)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
