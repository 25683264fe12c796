"""Pending answers (interactions that show "thinking…") in a file beside the database.

A pending answer must be written before Discord gets the acknowledgement, and must not wait for database transactions.
It is therefore appended to a file, on a thread of its own. The file outlives a killed process. It has no fsync, so a
power cut may lose its last lines. The file holds members' words and tokens, so an answered interaction is removed.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from bot.domain.jobs.pending_answers import PendingAnswer
from bot.errors import ConfigError, StoreError
from bot.store.database import Database
from bot.store.schema import jobs

TOKEN_LIFE = timedelta(minutes=15)

T = TypeVar("T")


class PendingAnswerStore:
    """A file of JSON lines: one for each pending answer, and one for each that was given since.

    At most half of the lines are about answers that were given; without pending answers the file is empty.
    """

    def __init__(self, path: Path, database: Database) -> None:
        """Read the file. Raises `ConfigError` when it cannot be read."""
        self._path, self._database = path, database
        self._open = _read(path)
        self._unwritten = deque[PendingAnswer | int]()
        self._written = {key: _line(pending_answer) for key, pending_answer in self._open.items()}
        self._done = len(self._open)
        """How many lines of the file are about nothing that is open, or may be."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pending-answers")

    async def store(self, pending_answer: PendingAnswer) -> None:
        """Store a pending answer before the member sees "thinking…", or store it again with its changes.

        Raises `StoreError`.
        """
        # What could never be kept must not be held for ever.
        over = pending_answer.expires_at - TOKEN_LIFE
        self._open = {key: other for key, other in self._open.items() if other.expires_at > over}
        self._open[pending_answer.interaction_id] = pending_answer
        self._unwritten.append(pending_answer)
        await self._in_thread(self._append)

    async def delete(self, interaction_id: int) -> None:
        """The answer was given: delete everything about it. Raises `StoreError`."""
        if self._drop([interaction_id]):
            await self._in_thread(self._settle)

    async def unanswered(self) -> list[PendingAnswer]:
        """At a start: earlier processes' pending answers that no job will give, oldest first. Raises `StoreError`."""
        query = sa.select(jobs.c.interaction_id).where(jobs.c.interaction_id.in_(self._open))
        async with self._database.read() as connection:
            taken = list(await connection.scalars(query))
        if self._drop(taken):
            await self._in_thread(self._settle)
        return [pending_answer for _, pending_answer in sorted(self._open.items())]

    async def forget(self, member_id: int, but: int) -> None:
        """Delete a member's pending answers, except for one interaction. Raises `StoreError`."""
        self._drop([one.interaction_id for one in await self.of_member(member_id) if one.interaction_id != but])
        await self._in_thread(self._tidy)

    async def of_member(self, member_id: int) -> list[PendingAnswer]:
        """The pending answers of a member."""
        return [pending_answer for pending_answer in self._open.values() if pending_answer.member_id == member_id]

    def _drop(self, interaction_ids: Iterable[int]) -> bool:
        dropped = [key for key in interaction_ids if self._open.pop(key, None)]
        self._unwritten.extend(dropped)
        return bool(dropped)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read or written: {error.strerror}") from error

    def _append(self) -> None:
        """Append all unwritten lines in one write, so that many interactions wait for one write only."""
        lines: list[bytes] = []
        for note in [self._unwritten.popleft() for _ in range(len(self._unwritten))]:
            if isinstance(note, PendingAnswer):
                self._done += note.interaction_id in self._written
                self._written[note.interaction_id] = _line(note)
                lines.append(self._written[note.interaction_id])
            else:
                self._done += 2
                self._written.pop(note, None)
                lines.append(b'\n{"kept":%d}\n' % note)
        if lines:
            _put(self._path, lines, os.O_APPEND)

    def _settle(self) -> None:
        self._append()
        if self._done >= 2 * len(self._written):
            self._tidy()

    def _tidy(self) -> None:
        """Rewrite the file with the pending answers only. The rename is atomic: a kill leaves one whole file."""
        self._append()
        for key in self._written.keys() - self._open.keys():
            del self._written[key]  # expired or removed
        beside = self._path.with_suffix(".new")
        _put(beside, self._written.values(), os.O_TRUNC)
        beside.replace(self._path)
        self._done = 0


def _read(path: Path) -> dict[int, PendingAnswer]:
    path.with_suffix(".new").unlink(missing_ok=True)  # left by a process that was killed in `_tidy`
    try:
        lines = path.read_text(errors="replace").split("\n")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError("data_dir", f"{path} cannot be read: {error.strerror}") from error
    found: dict[int, PendingAnswer] = {}
    for note in map(_parsed, lines):
        if isinstance(note, PendingAnswer):
            found[note.interaction_id] = note
        elif note is not None:
            found.pop(note, None)
    return found


def _put(path: Path, lines: Iterable[bytes], how: int) -> None:
    # Mode 0600: the file holds tokens.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600)
    content = b"".join(lines)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        while content:
            content = content[file.write(content) :]


def _line(pending_answer: PendingAnswer) -> bytes:
    """Return the line in ASCII: a member's text may hold line breaks, and lone surrogates, which are no UTF-8."""
    written = json.dumps(
        {**dict(pending_answer), "expires_at": pending_answer.expires_at.isoformat()}, separators=(",", ":")
    )
    # The leading newline ends a line that a kill may have cut off.
    return f"\n{written}\n".encode()


def _parsed(line: str) -> PendingAnswer | int | None:
    """Return a pending answer, the id of an answered one, or None for a line that was cut off.

    An interaction whose line was cut off was not acknowledged.
    """
    try:
        note = json.loads(line)
        return int(note["kept"]) if "kept" in note else PendingAnswer.model_validate(note)
    except (ValueError, TypeError):
        return None
