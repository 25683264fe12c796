"""Texts as directions of meaning: asked of a worker, answered by the embedded text encoder in a thread of its own."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (torch leaves `tolist` open)

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from engine.errors import EngineError
from engine.messages import Embed, Embedded

Vector = tuple[float, ...]


@dataclass
class Embeddings:
    """The questions to one worker that wait for an answer. Event loop only; torch-free."""

    send: Callable[[Embed], None]
    _waiting: dict[int, asyncio.Future[tuple[Vector, ...]]] = field(
        default_factory=dict[int, "asyncio.Future[tuple[Vector, ...]]"]
    )
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def ask(self, texts: Sequence[str]) -> tuple[Vector, ...]:
        """One unit vector for each text, in order; raises the worker's `EngineError`."""
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self.send(Embed(number, tuple(texts)))
            return await future
        finally:
            del self._waiting[number]

    def hear(self, message: Embedded) -> None:
        """The worker answered."""
        future = self._waiting.get(message.number)
        if future is None or future.done():
            return
        if message.error is not None:
            future.set_exception(message.error)
        else:
            future.set_result(message.vectors)

    def fail(self, error: EngineError) -> None:
        """The worker is gone, and with it every answer."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)


def prepare() -> None:
    """Load the encoder, on the thread that loads models: what other threads build meanwhile comes out empty."""
    # Only here is torch needed, and only when somebody asks.
    from engine.pocket.text import embed as embed_texts

    embed_texts(())


def embed(message: Embed, prepared: Future[None]) -> Embedded:
    """Answer a question; in the worker, off its device thread (about 15 ms for five texts)."""
    try:
        prepared.result()  # before the import, which must not race with the loader thread's
        from engine.pocket.text import embed as embed_texts

        vectors: list[list[float]] = embed_texts(message.texts).tolist()
    except Exception as error:  # noqa: BLE001 - whoever asked must hear of it, or waits for ever
        return Embedded(message.number, error=EngineError(f"the text encoder failed ({type(error).__name__}: {error})"))
    return Embedded(message.number, tuple(tuple(vector) for vector in vectors))
