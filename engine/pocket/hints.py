"""What a control adapter tells the denoiser, and where it is put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

DRAWN = 16
"""Channels of the sketch's last features; the rest of an adapter's first state goes to the refiner."""

_TOKENS = 8
"""Pixels of the full picture for each edge of a patch of the sketch."""


@dataclass(frozen=True)
class Hints:
    """Residuals out of a control picture of (H, W), which is what a stock `T2IAdapter` of three levels computes.

    Args:
        drawn: (B, 16, H/2, W/2), added to the sketch's last features.
        refined: (B, 48, H/2, W/2), added to the refiner's first features.
        patches: (B, 128, H/8, W/8), added to the patches before the convolutions.
        planned: (B, 128, H/8, W/8), added before the transformer.
    """

    drawn: Tensor
    refined: Tensor
    patches: Tensor
    planned: Tensor

    @staticmethod
    def of(states: Sequence[Tensor]) -> Hints:
        """From an adapter's states: (B, 64, H/2, W/2), (B, 32, H/4, W/4) and (B, 128, H/8, W/8)."""
        fine, middle, coarse = states
        return Hints(fine[:, :DRAWN], fine[:, DRAWN:], F.pixel_unshuffle(middle, 2), coarse)

    def padded(self, size: Sequence[int]) -> Hints:
        """Enlarged at their right and lower edges to a picture of `size` (height, width), as the sample is."""
        half, eighth = ((size[0] // part, size[1] // part) for part in (2, _TOKENS))
        return Hints(
            _to(self.drawn, half), _to(self.refined, half), _to(self.patches, eighth), _to(self.planned, eighth)
        )

    @property
    def silent(self) -> Tensor:
        """Rows (B,) that are told nothing, as those whose control has no strength."""
        return ~torch.stack([part.flatten(1).any(1) for part in self._parts]).any(0)

    def before_none(self, rows: int) -> Hints:
        """The same, and as many further rows behind them that are told nothing."""
        return Hints(*(F.pad(each, (0, 0, 0, 0, 0, 0, 0, rows)) for each in self._parts))

    @property
    def _parts(self) -> tuple[Tensor, ...]:
        return self.drawn, self.refined, self.patches, self.planned


def _to(state: Tensor, size: tuple[int, int]) -> Tensor:
    missing = (0, size[1] - state.shape[-1], 0, size[0] - state.shape[-2])
    return F.pad(state, missing, mode="replicate") if any(missing) else state
