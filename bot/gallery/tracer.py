"""Makes small copies and vectors of pictures, one picture at a time, on a thread of its own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from bot.domain.model import Cell
from bot.errors import StoreError
from bot.store.gallery.traces import Key, Trace, TraceStore
from bot.store.pictures import PictureStore
from engine import EngineError, InvalidRequest, PictureEmbedder, fit_webp, open_picture

SIDE = 448
"""Longest side of a small copy in pixels."""
MOST_BYTES = 80_000


class Tracer:
    """Reads what is kept of a picture, and makes it where it is missing; asked twice, it is made once."""

    def __init__(self, store: TraceStore, pictures: PictureStore, encoder: PictureEmbedder | None) -> None:
        """`encoder`: None where the embedded weights are not installed; then there is no search by likeness."""
        self._store, self._pictures, self._encoder = store, pictures, encoder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gallery")
        self._turn = asyncio.Lock()

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def trace(self, cell: Cell) -> Trace:
        """Return what is kept of a picture, made now if need be. Raises `KeyError` for a picture that is lost."""
        key = (cell.job_id, cell.cell)
        if found := await self._store.get(key):
            return found
        async with self._turn:
            return await self._store.get(key) or await self._made(key, cell.key)

    async def _made(self, key: Key, picture_key: str) -> Trace:
        content = await self._pictures.get(picture_key)
        loop = asyncio.get_running_loop()
        try:
            picture, small = await loop.run_in_executor(self._thread, _small_copy, content)
            trace = Trace(small, await self._vector(picture))
        except InvalidRequest as error:
            raise KeyError(picture_key) from error
        await self._store.put(key, trace)
        return trace

    async def _vector(self, picture: Image.Image) -> bytes | None:
        if self._encoder is None:
            return None
        try:
            [vector] = await self._encoder.ask([picture])
        except EngineError as error:
            raise StoreError(str(error)) from error
        return vector.astype(np.float16).tobytes()


def _small_copy(content: bytes) -> tuple[Image.Image, bytes]:
    """Return the picture at no more than `SIDE` pixels, and the same as WebP. Raises `InvalidRequest`."""
    picture = open_picture(content)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return picture, fit_webp(picture, MOST_BYTES)
