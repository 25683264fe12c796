"""Fingerprints: difference hashes (dHash) by which a picture is known again after it was scaled or compressed.

A difference hash says of each pixel of a small grey copy whether its right neighbour is clearly brighter (Krawetz,
"Kind of Like That", 2013). Two grids are kept: 8 x 8 finds candidates, 16 x 16 decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from PIL import Image

from engine import open_picture

COARSE, FINE = 8, 16
"""Sides of the grids: 64 and 256 bits."""
MOST_BITS = 14
"""Pictures are alike when at most so many of the 256 bits differ; see `tests/bot/domain/jobs/test_fingerprint.py`."""
_BAND = 16
_TELLING = 48
LEAST_CONTRAST = 4.0
"""Standard deviation of the small grey copy, 0 to 127: what shows less is not told from other plain pictures."""
LEAST_STEP = 4
"""Shades, 0 to 255: a smaller step between neighbours is what compression leaves on a plain ground."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`coarse` has 16 hexadecimal digits, `bits` 64."""

    coarse: str
    bits: str

    def __str__(self) -> str:
        return f"{self.coarse}-{self.bits}"

    @classmethod
    def parse(cls, said: str) -> Self:
        """The fingerprint of its text."""
        return cls(*said.split("-"))

    @property
    def bands(self) -> tuple[int, ...]:
        """The coarse one in four numbers: where at most three of its bits differ, one number at least is the same."""
        whole = int(self.coarse, 16)
        return tuple((whole >> (_BAND * number)) & 0xFFFF for number in range(4))

    def distance(self, bits: str) -> int:
        """In how many of the 256 bits another one differs."""
        return (int(self.bits, 16) ^ int(bits, 16)).bit_count()

    def is_like(self, bits: str) -> bool:
        """Whether it is the same picture."""
        return self.distance(bits) <= MOST_BITS


def fingerprint(picture: bytes) -> str:
    """The fingerprint of a picture file as text; "" for a picture that shows too little.

    Decoding blocks: call it in a thread or an executor. Raises `InvalidRequest` for what is no picture.
    """
    grey = open_picture(picture).convert("RGB").convert("L")
    if float(np.asarray(grey.resize((FINE, FINE), Image.Resampling.BOX), dtype=np.float32).std()) < LEAST_CONTRAST:
        return ""
    return str(Fingerprint(_differences(grey, COARSE), _differences(grey, FINE)))


def shows_much(said: str) -> bool:
    """Whether so much is on a picture that another is hardly like it by chance: hard masks of one shape set 40 bits."""
    return bool(said) and int(Fingerprint.parse(said).bits, 16).bit_count() > _TELLING


def _differences(grey: Image.Image, side: int) -> str:
    """Whether each pixel's right neighbour is clearly brighter, `side` x `side` bits, as hexadecimal digits."""
    small = np.asarray(grey.resize((side + 1, side), Image.Resampling.LANCZOS), dtype=np.int16)
    return np.packbits(small[:, 1:] - small[:, :-1] > LEAST_STEP).tobytes().hex()
