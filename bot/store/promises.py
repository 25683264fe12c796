"""Interactions that were told "thinking…" and nothing else yet, in a file beside the database.

A note must be down before Discord is told, and must not wait behind forty jobs that are being written: it is appended
without a transaction, on a thread of its own. What the file system holds outlives a killed process; only a power cut
could take it.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from pydantic import ValidationError

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
        self._open: dict[int, Promise] = {}
        self._unwritten = deque[Promise]()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="promises")

    async def made(self, promise: Promise) -> None:
        """See the port."""
        # What could never be kept must not hold the file open for ever.
        over = promise.expires_at - TOKEN_LIFE
        self._open = {key: other for key, other in self._open.items() if other.expires_at > over}
        self._open[promise.interaction_id] = promise
        self._unwritten.append(promise)
        await self._in_thread(self._append)

    async def kept(self, interaction_id: int) -> None:
        """See the port."""
        if self._open.pop(interaction_id, None) is not None and not self._open:
            await self._in_thread(self._empty)

    async def broken(self) -> list[Promise]:
        """See the port."""
        left = {promise.interaction_id: promise for promise in await self._in_thread(self._read)}
        query = sa.select(jobs.c.interaction_id).where(jobs.c.interaction_id.in_(left))
        async with self._database.read() as connection:
            for interaction_id in await connection.scalars(query):
                left.pop(interaction_id, None)
        self._open = left | self._open
        return list(left.values())

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read or written: {error.strerror}") from error

    def _append(self) -> None:
        """Write what is not written yet: a crowd's notes go down together, and only the first has to wait."""
        if notes := [self._unwritten.popleft() for _ in range(len(self._unwritten))]:
            _put(self._path, notes, os.O_APPEND)

    def _empty(self) -> None:
        if not self._open:
            _put(self._path, [], os.O_TRUNC)

    def _read(self) -> list[Promise]:
        try:
            lines = self._path.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [promise for line in lines if (promise := _parsed(line))]


def _put(path: Path, promises: Iterable[Promise], how: int) -> None:
    # Tokens are in it: for nobody else's eyes.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600)
    try:
        # The line before may have been cut off in the middle: it must not swallow this one.
        os.write(descriptor, "".join("\n" + promise.model_dump_json() + "\n" for promise in promises).encode())
    finally:
        os.close(descriptor)


def _parsed(line: str) -> Promise | None:
    try:
        return Promise.model_validate_json(line)
    except ValidationError:
        return None  # cut off in the middle of writing: Discord was not told either
