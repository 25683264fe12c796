"""Text embeddings for the event loop; the encoder is imported and loaded at the first call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.embedding.text_encoder import Floats, TextEncoder


class Embedder:
    """The text encoder on a thread of its own, loaded at the first call."""

    def __init__(self, weights: Path) -> None:
        self._weights = weights
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._encoder: TextEncoder | None = None

    async def ask(self, texts: Sequence[str]) -> Floats:
        """One unit vector for each text, (n, d). Raises `EngineError` when the weights cannot be read."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._embed, tuple(texts))

    def close(self) -> None:
        """End the thread; waiting calls are cancelled."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _embed(self, texts: Sequence[str]) -> Floats:
        from engine.embedding.text_encoder import TextEncoder

        self._encoder = self._encoder or TextEncoder.load(self._weights)
        return self._encoder.embed(texts)
