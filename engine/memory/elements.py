"""Element counts of weights, by what each precision narrows. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Storage = Literal["float32", "bfloat16", "float16", "float8", "int8", "nf4", "gguf"]
"""How weights lie in memory; the last four are computed with in a wider format, and the last is what a file has."""
QUANTISED: frozenset[Storage] = frozenset({"float8", "int8", "nf4"})
_WIDE_BYTES: dict[str, int] = {"float32": 4, "bfloat16": 2, "float16": 2}
_NF4_BYTES = 0.5 + 4 / 64
"""Half a byte a weight, and a float32 scale for each block of 64 (arXiv 2305.14314)."""


def width_of(storage: str) -> int:
    """Bytes of one number in a format that is computed with."""
    return _WIDE_BYTES[storage]


@dataclass(frozen=True, slots=True)
class Elements:
    """Element counts of some weights. Norms, biases and whatever no precision narrows are `rest`."""

    linear: int = 0
    """In matrices that every quantised precision narrows."""
    modulation: int = 0
    """In matrices beside norms (AdaLN), which float8 storage leaves wide, as diffusers does."""
    tables: int = 0
    """In convolutions and embeddings, which only float8 storage narrows."""
    rest: int = 0

    def __add__(self, other: Elements) -> Elements:
        return Elements(
            self.linear + other.linear,
            self.modulation + other.modulation,
            self.tables + other.tables,
            self.rest + other.rest,
        )

    @property
    def all(self) -> int:
        """The count of all elements."""
        return self.linear + self.modulation + self.tables + self.rest

    def bytes(self, storage: Storage, compute: str, packed: float = 0.0) -> int:
        """Bytes in memory, where what stays wide lies in the format `compute`; `packed` are those of one "gguf"."""
        match storage:
            case "float8":
                return self.linear + self.tables + width_of(compute) * (self.modulation + self.rest)
            case "int8":
                return self.linear + self.modulation + width_of(compute) * (self.tables + self.rest)
            case "nf4":
                return int(_NF4_BYTES * (self.linear + self.modulation)) + width_of(compute) * (self.tables + self.rest)
            case "gguf":
                return int(packed * (self.linear + self.modulation + self.tables)) + width_of(compute) * self.rest
            case _:
                return width_of(storage) * self.all


def total(each: Iterable[Elements]) -> Elements:
    """The sum of several counts."""
    return sum(each, Elements())
