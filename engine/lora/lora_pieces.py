"""What a LoRA file holds, layer by layer, and how much of it found a place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

_SUFFIX = re.compile(r"[._]lora\d*[._](?:A|B|up|down|magnitude|linear)|\.alpha$|\.dora_scale$")


def place_of(name: str) -> str:
    """The layer of the trainer's model that a tensor of a file belongs to."""
    return _SUFFIX.split(name)[0]


@dataclass
class Pieces:
    """What a file holds for one layer."""

    tensors: dict[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])
    """By name: "down", "up", "bias", "magnitude"."""
    alpha: float | None = None
    scale: float | None = None
    """Where the file's metadata gives it."""
    sources: frozenset[str] = frozenset()
    """The tensors of the file they were made of."""

    @property
    def is_whole(self) -> bool:
        """Whether both factors are there."""
        return {"down", "up"} <= self.tensors.keys()


@dataclass(frozen=True)
class LoRAFile:
    """A file's contents by component and layer."""

    layers: Mapping[tuple[str, str], Pieces]
    """(component, the layer's name in it) -> its pieces."""
    names: frozenset[str]
    """Every tensor of the file."""
    read: frozenset[str]
    """Numbers that were read and are part of a scale now."""

    def places(self, sources: frozenset[str]) -> int:
        """How many layers of the trainer's model these tensors belong to."""
        return len({place_of(name) for name in sources})

    def lost(self, arrived: frozenset[str]) -> frozenset[str]:
        """The tensors of the file that acted nowhere, though they would have."""
        missing = self.names - arrived - self.read
        places = {place_of(name) for name in arrived}
        return frozenset(name for name in missing if not _is_told_twice(place_of(name), places))


def _is_told_twice(place: str, places: set[str]) -> bool:
    """Some trainers of Z-Image write attention's layers fused and once more divided; diffusers takes the latter."""
    block, _, layer = place.rpartition(".")
    twins = {"qkv": ("to_q", "to.q"), "out": ("to_out.0", "to.out.0")}.get(layer, ())
    return any(f"{block}.{twin}" in places for twin in twins)
