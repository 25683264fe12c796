"""Fingerprints: difference hashes (dHash) by which a picture is known again after it was scaled or compressed.

A difference hash says of each pixel of a small grey copy whether its right neighbour is clearly brighter (Krawetz,
"Kind of Like That", 2013). Two grids are kept: 8 x 8 finds candidates, 16 x 16 decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

COARSE, FINE = 8, 16
"""Sides of the grids: 64 and 256 bits."""
MOST_BITS = 14
"""Pictures are alike when at most so many of the 256 bits differ; see `tests/bot/ui/pictures/test_fingerprints.py`."""
_BAND = 16


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
