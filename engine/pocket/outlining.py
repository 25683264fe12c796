"""Where pictures differ from their background, and what lies within."""

# torch leaves many types open
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from itertools import product

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor

_INK = 0.125
"""By so much of the range a pixel differs from the background, to belong to the object."""
_OUTSIDE = 2


def ground(pictures: Tensor) -> Tensor:
    """The colour (n, 3) of the corners of pictures (n, 3, H, W)."""
    corners = [pictures[..., y, x] for y, x in product((1, -2), (1, -2))]
    return torch.stack(corners).median(0).values


def ink(pictures: Tensor) -> Tensor:
    """Where pictures (n, 3, H, W) in [-1, 1] differ from their background: (n, H, W) booleans."""
    return (pictures - ground(pictures)[:, :, None, None]).abs().amax(1) / 2 > _INK


def filled(ink: Tensor) -> Tensor:
    """What lies within the outlines of ink (n, H, W): the white of a ghost on white belongs to the ghost."""
    return torch.stack([_filled(one) for one in ink])


def _filled(ink: Tensor) -> Tensor:
    # A free frame around it joins all that is outside.
    padded = F.pad(ink.cpu().byte(), (1, 1, 1, 1)).numpy()
    cv2.floodFill(padded, None, (0, 0), _OUTSIDE)
    return torch.from_numpy(padded[1:-1, 1:-1] != _OUTSIDE).to(ink.device)


def overlap(old: Tensor, new: Tensor) -> float:
    """Intersection over union of two outlines (H, W)."""
    return float((old & new).sum() / (old | new).sum().clamp(min=1))
