"""Picture store: bytes by key, in a folder by default, or in a bucket (S3 and others) by URL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Sequence, Set
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from weakref import WeakValueDictionary

from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from bot.errors import ConfigError
from bot.store.failures import store_error

Needed = Callable[[Sequence[str]], Awaitable[Set[str]]]
"""Tells which of some keys are named somewhere."""


class Turns(Protocol):
    """Who may keep and who may delete files, where several bots share them. Both raise `StoreError`."""

    def keeping(self) -> AbstractAsyncContextManager[None]:
        """Meanwhile no bot deletes."""
        ...

    def deleting(self) -> AbstractAsyncContextManager[None]:
        """Meanwhile no other bot keeps or deletes."""
        ...


_KEY = re.compile(r"[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_.-]*)+")


@dataclass(frozen=True, slots=True)
class Stored:
    """One object in the store: key, size in bytes, time of its last change (UTC)."""

    key: str
    size_bytes: int
    modified_at: datetime


class PictureStore:
    """Implements `bot.domain.ports.Pictures` on an object store. The bot makes every key, without a member's words.

    Every method raises `StoreError` when the disk is full or the bucket cannot be reached, and `ValueError` for a key
    that the bot did not make (see `is_key`).
    """

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        self._store, self._folder = store, folder
        self.turns: Turns | None = None
        """Where several bots share the pictures; None: this bot has them to itself."""
        self._locks = WeakValueDictionary[str, asyncio.Lock]()
        self._watching: list[set[str]] = []

    @classmethod
    def open(cls, location: str | Path) -> PictureStore:
        """Open a folder (created when missing) or a URL such as `s3://bucket/prefix`. Raises `ConfigError`."""
        if isinstance(location, Path) or "://" not in location:
            folder = Path(location).absolute()
            try:
                return cls(LocalStore(folder, mkdir=True), folder)
            except OSError as error:
                raise ConfigError("pictures", f"the folder {folder} cannot be used: {error}") from error
        try:
            return cls(from_url(location))
        except (BaseError, ValueError) as error:
            raise ConfigError("pictures", f"cannot be opened: {error}") from error

    @property
    def folder(self) -> Path | None:
        """The folder, or None for a bucket."""
        return self._folder

    async def put(self, key: str, content: bytes) -> None:
        """Store the content atomically; afterwards it survives a power cut (fsync of the file and its folders)."""
        for seen in self._watching:
            seen.add(key)
        async with self._lock(key):
            await self._put(key, content)

    async def keep(self, key: str, content: bytes) -> None:
        """Store the content unless something is stored under this key already."""
        async with self._lock(key), self.turns.keeping() if self.turns else contextlib.nullcontext():
            if not await self.has(key):
                await self._put(key, content)

    async def _put(self, key: str, content: bytes) -> None:
        with _our_errors():
            await self._store.put_async(_checked(key), content)
            if self._folder is not None:
                await asyncio.to_thread(_sync, self._folder, self._folder / key)

    async def has(self, key: str) -> bool:
        """Whether something is kept under that key; anything that is no key of ours is not."""
        if not is_key(key):
            return False
        with _our_errors():
            try:
                await self._store.head_async(_checked(key))
            except FileNotFoundError:
                return False
            return True

    def _lock(self, key: str) -> asyncio.Lock:
        """One for each key, for as long as somebody has it."""
        return self._locks.setdefault(key, asyncio.Lock())

    async def get(self, key: str) -> bytes:
        """Read the content. Raises `KeyError` when there is none."""
        with _our_errors():
            try:
                found = await self._store.get_async(_checked(key))
                return bytes(await found.bytes_async())
            except FileNotFoundError:
                raise KeyError(key) from None

    async def delete(self, key: str) -> None:
        """Delete the content; a missing key is no error."""
        with _our_errors(), contextlib.suppress(FileNotFoundError):
            await self._store.delete_async(_checked(key))

    @contextlib.contextmanager
    def put_meanwhile(self) -> Generator[Set[str]]:
        """The keys that are put while this is open: what was decided about their old content does not hold for them."""
        seen = set[str]()
        self._watching.append(seen)
        try:
            yield seen
        finally:
            self._watching = [other for other in self._watching if other is not seen]

    async def delete_unneeded(self, keys: Iterable[str], needed: Needed, spared: Set[str] = frozenset()) -> int:
        """Remove those that are not `needed` by now, nor `spared`; returns how many. Nobody puts them meanwhile."""
        async with contextlib.AsyncExitStack() as held:
            candidates = sorted(set(keys))
            for key in candidates:  # in one order, so that two of these never wait for each other
                await held.enter_async_context(self._lock(key))
            if self.turns is not None and candidates:
                await held.enter_async_context(self.turns.deleting())
            doomed = set(candidates) - await needed(candidates) - spared if candidates else set[str]()
            for key in sorted(doomed):
                await self.delete(key)
        return len(doomed)

    async def pages(self, prefix: str = "") -> AsyncIterator[list[Stored]]:
        """List all objects, or those under one prefix, in pages."""
        with _our_errors():
            # Ignored: the overload for Arrow tables names a package that is not installed.
            async for page in self._store.list(prefix or None):  # pyright: ignore[reportUnknownMemberType]
                yield [Stored(meta["path"], meta["size"], meta["last_modified"]) for meta in page]


@contextlib.contextmanager
def _our_errors() -> Generator[None]:
    """Raise `StoreError` from any error of the folder or the bucket; the cause is kept."""
    try:
        yield
    except (BaseError, OSError) as error:
        raise store_error("the picture store", error) from error


def is_key(key: str) -> bool:
    """Whether the key has the form of the bot's keys, which cannot leave the folder (no `..`, no leading `/`)."""
    return _KEY.fullmatch(key) is not None


def _checked(key: str) -> str:
    if not is_key(key):
        raise ValueError(f"not a key of the picture store: {key!r}")
    return key


def _sync(root: Path, path: Path) -> None:
    # obstore renames the finished file but does not fsync it. The rename is durable after an fsync of its folder.
    above = path.parents[: len(path.relative_to(root).parts)]
    for place in (path, *above):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
