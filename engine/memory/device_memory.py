"""`DeviceMemory`: bytes and number formats of one device. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import psutil

from engine.settings import EngineSettings

GIB = 2**30
_CONTEXT_BYTES = GIB // 2
"""The driver's own, before anything is computed."""
_USABLE_SHARE = 0.92
"""Of what is left: allocators lose some between tensors, and a desktop takes some too."""
_MAIN_SHARE = 0.8
"""Of main memory: the bot, the worker and the system need some too."""
CARDS_GB = (8, 12, 16, 24, 48)
"""Sizes that graphics cards are sold in."""


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """The memory of one device, in bytes, and the formats that it computes in."""

    kind: Literal["cuda", "mps", "cpu"]
    total_bytes: int
    has_bfloat16: bool = True
    """Whether bfloat16 is computed natively; RTX 20, GTX 16 and T4 only emulate it."""
    budget_bytes: int | None = None
    """What the host allows; None means what is usable."""
    main_bytes: int | None = None
    """The machine's main memory, where that is another; None means enough."""

    @property
    def all_usable_bytes(self) -> int:
        """Bytes for weights and activations, without the host's limit."""
        context = 0 if self.kind == "cpu" else _CONTEXT_BYTES
        return int(_USABLE_SHARE * (self.total_bytes - context))

    @property
    def usable_bytes(self) -> int:
        """Bytes for weights and activations, within the host's limit."""
        return min(self.all_usable_bytes, self.budget_bytes or self.all_usable_bytes)

    @property
    def spare_main_bytes(self) -> int | None:
        """Bytes of main memory for weights that are not on the device; None means enough."""
        return None if self.main_bytes is None else int(_MAIN_SHARE * self.main_bytes)

    @property
    def compute(self) -> Literal["float32", "bfloat16", "float16"]:
        """The format that it computes in fastest without losing range."""
        if self.kind != "cuda":
            return "float32"
        return "bfloat16" if self.has_bfloat16 else "float16"


def card(gigabytes: int, has_bfloat16: bool = True) -> DeviceMemory:
    """A CUDA card with that many GiB of memory, as vendors name it."""
    return DeviceMemory("cuda", gigabytes * GIB, has_bfloat16)


def budget_bytes(settings: EngineSettings) -> int | None:
    """What the host allows of a device; None means what is usable."""
    return None if settings.memory_budget_gb is None else int(settings.memory_budget_gb * 1e9)


def processor(settings: EngineSettings) -> DeviceMemory:
    """This machine's main memory, for models on its processor."""
    return DeviceMemory("cpu", psutil.virtual_memory().total, budget_bytes=budget_bytes(settings))
