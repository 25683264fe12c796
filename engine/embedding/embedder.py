"""Text embeddings for the event loop: what is asked at the same time is embedded together, on a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.embedding.text_encoder import Floats, TextEncoder

MAX_TEXTS = 32
"""Texts of one pass. A pass reads all weights, so that 32 short texts take hardly longer than one."""


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    texts: tuple[str, ...]
    answer: asyncio.Future[Floats]


class Embedder:
    """The text encoder on a thread of its own, imported and loaded at the first call. Event loop only."""

    def __init__(self, weights: Path) -> None:
        self._weights = weights
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._encoder: TextEncoder | None = None
        self._waiting: deque[_Asked] = deque()

    async def ask(self, texts: Sequence[str]) -> Floats:
        """One unit vector for each text, (n, d). Raises `EngineError` when the weights cannot be read."""
        first, *others = [texts[start : start + MAX_TEXTS] for start in range(0, len(texts), MAX_TEXTS)] or [()]
        vectors = await self._pass(first)
        if not others:
            return vectors
        import numpy as np

        # One after another, so that what others ask meanwhile does not wait for all of it.
        return np.concatenate([vectors, *[await self._pass(part) for part in others]])

    def close(self) -> None:
        """End the thread; waiting calls are cancelled."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        while self._waiting:
            self._waiting.popleft().answer.cancel()

    async def _pass(self, texts: Sequence[str]) -> Floats:
        loop = asyncio.get_running_loop()
        asked = _Asked(tuple(texts), loop.create_future())
        self._waiting.append(asked)
        self._thread.submit(self._answer, loop)
        return await asked.answer

    def _answer(self, loop: asyncio.AbstractEventLoop) -> None:
        """Embed what waits, in one pass; the calls of those that were taken along find nothing left."""
        taken: list[_Asked] = []
        with contextlib.suppress(IndexError):
            while sum(len(asked.texts) for asked in taken) < MAX_TEXTS:
                taken.append(self._waiting.popleft())
        if not taken:
            return
        try:
            vectors = self._load().embed([text for asked in taken for text in asked.texts])
        except Exception as error:
            _say(loop, lambda error=error: [_fail(asked, error) for asked in taken])
            raise
        ends = [sum(len(asked.texts) for asked in taken[: index + 1]) for index in range(len(taken))]
        parts = [vectors[end - len(asked.texts) : end] for asked, end in zip(taken, ends, strict=True)]
        _say(loop, lambda: [_succeed(asked, part) for asked, part in zip(taken, parts, strict=True)])

    def _load(self) -> TextEncoder:
        from engine.embedding.text_encoder import TextEncoder

        self._encoder = self._encoder or TextEncoder.load(self._weights)
        return self._encoder


def _say(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
        loop.call_soon_threadsafe(call)


def _succeed(asked: _Asked, vectors: Floats) -> None:
    if not asked.answer.done():
        asked.answer.set_result(vectors)


def _fail(asked: _Asked, error: Exception) -> None:
    if not asked.answer.done():
        asked.answer.set_exception(error)
