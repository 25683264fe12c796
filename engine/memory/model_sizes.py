"""`ModelSizes`: the weights and activations of a model's components. Torch-free values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.memory.elements import Elements, Storage, total, width_of

Role = Literal["denoiser", "encoder", "autoencoder"]
TEXT_TOKENS = 512
"""Tokens of a prompt that are reckoned with."""


@dataclass(frozen=True, slots=True)
class Activations:
    """What one pass needs besides weights: values for each position of a row, at the pass's peak."""

    values: float
    edge: int
    """Side of the square of pixels that is one position; 0 for encoders, whose positions are tokens."""
    tokens: int = 0
    """Positions of the prompt that are computed together with those of the picture."""

    def bytes(self, width: int, height: int, rows: int, compute: str) -> int:
        """Bytes at the peak of a pass of `rows` rows for a picture of that size in pixels."""
        places = (width // self.edge) * (height // self.edge) if self.edge else 0
        return int(rows * (places + self.tokens) * self.values * width_of(compute))


@dataclass(frozen=True, slots=True)
class ComponentSizes:
    """One component of a pipeline."""

    name: str
    role: Role
    class_name: str
    outside: Elements
    """What is in none of its blocks, and on the device for the whole of a pass."""
    blocks: tuple[Elements, ...]
    """Its repeated parts, of which a pass uses one after the other."""
    activations: Activations
    stored: Storage | None = None
    """How a folder or file that was saved quantised holds it; such weights stay as they are."""
    packed: float = 0.0
    """Bytes of one number of its matrices, where `stored` is "gguf"."""

    @property
    def elements(self) -> Elements:
        """Everything in it."""
        return self.outside + total(self.blocks)

    def bytes(self, storage: Storage, compute: str) -> int:
        """Bytes of all its weights."""
        return self.elements.bytes(storage, compute, self.packed)

    def passing_bytes(self, storage: Storage, compute: str) -> int:
        """Bytes on the device at most while its blocks, and before them what is in none, are brought in one by one."""
        return max(self.outside.bytes(storage, compute, self.packed), *self._largest(storage, compute)[:1])

    def block_bytes(self, storage: Storage, compute: str) -> list[int]:
        """Bytes of each of its blocks."""
        return [block.bytes(storage, compute, self.packed) for block in self.blocks]

    def _largest(self, storage: Storage, compute: str) -> list[int]:
        return sorted(self.block_bytes(storage, compute), reverse=True) or [0]


@dataclass(frozen=True, slots=True)
class ModelSizes:
    """The components of a model that have weights."""

    components: tuple[ComponentSizes, ...]
