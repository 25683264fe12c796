"""Which pictures look alike: the vectors of all traced pictures in memory, compared by their dot product."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from bot.store.gallery.traces import Key

WIDTH = 384
_CHUNK = 8192
"""Rows that are converted to float32 at a time: 12 MB."""

Vector = npt.NDArray[np.float32]
"""A unit vector, (384,) float32."""


class Likeness:
    """Rows of float16, 768 bytes a picture; a row is searched only while its picture is public."""

    def __init__(self) -> None:
        self._rows = np.zeros((256, WIDTH), np.float16)
        self._keys: list[Key] = []
        self._places: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def put(self, key: Key, vector: bytes) -> None:
        """Add a picture, or replace its vector (384 float16 values)."""
        place = self._places.get(key, len(self._keys))
        if place == len(self._rows):
            self._rows = np.concatenate((self._rows, np.zeros_like(self._rows)))
        if place == len(self._keys):
            self._keys.append(key)
            self._places[key] = place
        self._rows[place] = np.frombuffer(vector, np.float16)

    def drop(self, job_ids: Collection[str]) -> None:
        """Take the pictures of these jobs out."""
        kept = [place for place, (job_id, _) in enumerate(self._keys) if job_id not in job_ids]
        if len(kept) < len(self._keys):
            self._rows = np.concatenate(
                (self._rows[kept], np.zeros((256, WIDTH), np.float16))
            )  # a search may be at work
            self._keys = [self._keys[place] for place in kept]
            self._places = {key: place for place, key in enumerate(self._keys)}

    def nearest(self, vector: Vector, count: int) -> list[Key]:
        """Return the pictures most like it, the most alike first. Takes some 50 ms for 100,000: call it in a thread."""
        keys, rows = self._keys, self._rows
        if not keys:
            return []
        scores = np.concatenate(
            [rows[start : min(start + _CHUNK, len(keys))].astype(np.float32) @ vector
             for start in range(0, len(keys), _CHUNK)]
        )  # fmt: skip
        count = min(count, len(scores))
        best = np.argpartition(-scores, count - 1)[:count]
        return [keys[place] for place in best[np.argsort(-scores[best], kind="stable")]]


def unpacked(vector: bytes) -> Vector:
    """Return a stored vector (384 float16 values) as float32."""
    return np.frombuffer(vector, np.float16).astype(np.float32)
