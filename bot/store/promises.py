"""Interactions that were told "thinking…" and have no answer yet, whole, in a file beside the database.

A note must be down before Discord is told, and must not wait behind forty jobs that are being written: it is appended
without a transaction, on a thread of its own. What the file system holds outlives a killed process; only a power cut
could take it. What was answered is taken out of the file at once: it holds members' words and tokens.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from bot.domain.promise import Promise
from bot.errors import StoreError
from bot.store.database import Database
from bot.store.schema import jobs

TOKEN_LIFE = timedelta(minutes=15)

T = TypeVar("T")


class PromiseStore:
    """`bot.domain.promise.Promises`: a line of JSON for each promise; without open ones the file is empty."""

    def __init__(self, path: Path, database: Database) -> None:
        self._path, self._database = path, database
        self._open = {promise.interaction_id: promise for promise in _read(path)}
        self._unwritten = deque[Promise]()
        self._has_kept = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="promises")

    async def made(self, promise: Promise) -> None:
        """See the port."""
        # What could never be kept must not be held for ever.
        over = promise.expires_at - TOKEN_LIFE
        self._open = {key: other for key, other in self._open.items() if other.expires_at > over}
        self._open[promise.interaction_id] = promise
        self._unwritten.append(promise)
        await self._in_thread(self._append)

    async def kept(self, interaction_id: int) -> None:
        """See the port."""
        await self._drop([interaction_id])

    async def broken(self) -> list[Promise]:
        """See the port."""
        query = sa.select(jobs.c.interaction_id).where(jobs.c.interaction_id.in_(self._open))
        async with self._database.read() as connection:
            taken = list(await connection.scalars(query))
        await self._drop(taken)
        return [promise for _, promise in sorted(self._open.items())]

    async def forget(self, member_id: int, but: int) -> None:
        """See the port."""
        await self._drop([one.interaction_id for one in self.of_member(member_id) if one.interaction_id != but])

    def of_member(self, member_id: int) -> list[Promise]:
        """See the port."""
        return [promise for promise in self._open.values() if promise.member_id == member_id]

    async def _drop(self, interaction_ids: Iterable[int]) -> None:
        dropped = [self._open.pop(interaction_id, None) for interaction_id in interaction_ids]
        if any(dropped):
            self._has_kept = True
            await self._in_thread(self._tidy)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read or written: {error.strerror}") from error

    def _append(self) -> None:
        """Write what is not written yet: a crowd's notes go down together, and only the first has to wait."""
        if notes := [self._unwritten.popleft() for _ in range(len(self._unwritten))]:
            _put(self._path, notes, os.O_APPEND)

    def _tidy(self) -> None:
        """Leave what is open, for all who were answered meanwhile at once; a kill leaves the old or the new file."""
        if not self._has_kept:
            return
        self._has_kept = False
        beside = self._path.with_suffix(".new")
        _put(beside, list(self._open.values()), os.O_TRUNC)
        beside.replace(self._path)


def _read(path: Path) -> list[Promise]:
    path.with_suffix(".new").unlink(missing_ok=True)  # a kill may have left it
    with contextlib.suppress(FileNotFoundError):
        return [promise for line in path.read_text().split("\n") if (promise := _parsed(line))]
    return []


def _put(path: Path, promises: Iterable[Promise], how: int) -> None:
    # Tokens are in it: for nobody else's eyes.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600)
    # The line before may have been cut off in the middle: it must not swallow this one.
    lines = "".join(f"\n{_line(promise)}\n" for promise in promises).encode()
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        while lines:
            lines = lines[file.write(lines) :]


def _line(promise: Promise) -> str:
    """In plain ASCII: members may write half a surrogate pair, which is no UTF-8, and separators of lines."""
    return json.dumps({**dict(promise), "expires_at": promise.expires_at.isoformat()}, separators=(",", ":"))


def _parsed(line: str) -> Promise | None:
    try:
        return Promise.model_validate(json.loads(line))
    except ValueError:
        return None  # cut off in the middle of writing: Discord was not told either
