"""Picture embeddings for the event loop; the encoder is imported and loaded at the first call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

    from engine.embedding.picture_encoder import PictureEncoder
    from engine.embedding.text_encoder import Floats


class PictureEmbedder:
    """The picture encoder on a thread of its own, loaded at the first call."""

    def __init__(self, weights: Path) -> None:
        self._weights = weights
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embed-pictures")
        self._encoder: PictureEncoder | None = None

    async def ask(self, pictures: Sequence[Image]) -> Floats:
        """One unit vector for each picture, (n, d), in the texts' space. Raises `EngineError` as `Embedder.ask`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._embed, tuple(pictures))

    def close(self) -> None:
        """End the thread; waiting calls are cancelled."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _embed(self, pictures: Sequence[Image]) -> Floats:
        from engine.embedding.picture_encoder import PictureEncoder

        self._encoder = self._encoder or PictureEncoder.load(self._weights)
        return self._encoder.embed(pictures)
