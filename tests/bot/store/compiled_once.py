"""Statements are compiled once a process: each new database would compile all of them anew, for each of its engines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


class _Compiled(dict[Any, Any]):
    """What was compiled, by the kind of dialect and no longer by the dialect of one engine."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((type(key[0]), *key[1:]), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__((type(key[0]), *key[1:]), compiled)


@contextmanager
def compiled_once() -> Iterator[None]:
    """Engines that the store creates have one cache of compiled statements between them."""
    compiled = _Compiled()

    def create(*arguments: Any, **options: Any) -> AsyncEngine:
        engine = create_async_engine(*arguments, **options)
        engine.sync_engine._compiled_cache = compiled
        return engine

    with patch("bot.store.connections.create_async_engine", create):
        yield
