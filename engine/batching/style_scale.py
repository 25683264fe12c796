"""How strongly a style adapter (IP-Adapter) acts in each row of a forward pass.

diffusers' attention processors have one `scale` for the whole batch, as an attribute. Requests of different weights
share a pass when an object with a number for each row stands in its place.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
import functools
from collections.abc import Generator, Sequence
from typing import Any

import torch
from torch import nn

from engine.batching.lora_hooks import attach_around

STYLE = "\tstyle"
"""The name of a style adapter among the adapters of a row; no LoRA has it."""


class RowScale:
    """A factor for each row, which multiplies hidden states (rows, tokens, channels)."""

    def __init__(self, rows: Sequence[float]) -> None:
        self._rows = tuple(rows)

    def __mul__(self, hidden: torch.Tensor) -> torch.Tensor:
        scale = torch.tensor(self._rows, device=hidden.device)
        return (hidden * scale.view(-1, *(1,) * (hidden.ndim - 1))).to(hidden.dtype)

    __rmul__ = __mul__


def weigh_by_row(denoiser: nn.Module) -> None:
    """Let rows say how strongly the style adapter acts that was loaded into the denoiser."""
    processors: list[Any] = [part for part in denoiser.modules() if hasattr(part, "to_v_ip") and hasattr(part, "scale")]
    attach_around(denoiser, STYLE, functools.partial(_scaled, processors))


@contextlib.contextmanager
def _scaled(processors: Sequence[Any], rows: Sequence[float]) -> Generator[None]:
    scale: Any = rows[0] if len(set(rows)) == 1 else RowScale(rows)
    before = [processor.scale for processor in processors]
    for processor, was in zip(processors, before, strict=True):
        # Those of Stable Diffusion 3 know one adapter, the others a list of them.
        processor.scale = [scale] if isinstance(was, list) else scale
    try:
        yield
    finally:
        for processor, was in zip(processors, before, strict=True):
            processor.scale = was
