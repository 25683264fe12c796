"""Noise and picture made to agree: a model that remembers drawings draws them where the picture has them."""

# torch leaves many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.pocket.pose import Pose, numbers_of, square, with_numbers

MIRRORED_FROM = 0.5
"""With this much freedom the side is the noise's own."""


@dataclass(frozen=True)
class Settling:
    """What was found of a thing in a picture.

    Args:
        pose: (1,) how it stands there.
        mirrorable: Whether it may be mirrored.
        multiple: Samples are enlarged to edges that are multiples of it.
        freedom: In [0, 1]: 0 keeps that pose; 1 moves the thing to the pose that the noise says.
    """

    pose: Pose
    mirrorable: bool
    multiple: int
    freedom: float

    def __call__(self, clean: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Clean latents and noise (B, 4, H, W) of one pose; noise is changed by five numbers, its variance is not."""
        own, found = numbers_of(noise, self.multiple), self.pose.numbers.to(noise.device)
        numbers = torch.lerp(found.expand_as(own), own, self.freedom)
        sides = own if self.mirrorable and self.freedom >= MIRRORED_FROM else found
        numbers[:, -1] = own[:, -1].abs() * sides[:, -1].sign()
        moved = self._moved(clean, Pose.by(numbers)) if self.freedom else clean
        return moved, with_numbers(noise, numbers, self.multiple)

    def _moved(self, clean: Tensor, to: Pose) -> Tensor:
        """The picture (B, 4, H, W), moved as a whole; its edges are drawn out where it ends."""
        aspect = clean.shape[3] / clean.shape[2]
        back = torch.linalg.solve(square(self.pose.back(aspect)).to(clean.device), square(to.back(aspect)))
        grid = F.affine_grid(back[:, :2], list(clean.shape), align_corners=False)
        return F.grid_sample(clean.float(), grid, padding_mode="border", align_corners=False).to(clean.dtype)
