"""Shades of one colour: what an edit painted is a little lighter, deeper or of a neighbouring hue in other cells."""

# torch leaves many types open
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.pocket.palette import COLOURS, hsv, rgb

_SHADES = ((0.0, 1.0, 1.0), (0.0, 0.86, 1.12), (0.0, 1.1, 0.8), (9.0, 1.0, 0.94))
"""Of each variant: degrees of hue, and what saturation and value are multiplied by."""
_SAME, _OTHER = 0.15, 0.3
"""A colour that moved by no more than the first share of its range is kept, by more than the second is shaded."""
_SMOOTH = 5
_PARTS = (1.0, 0.6, 0.3)


def shaded(before: Tensor, after: Tensor, variant: int) -> Tensor:
    """A picture (3, H, W) in [0, 1], in the shade of a variant where it differs from what it was.

    The colour keeps its name: where all of the shade would give it another one, it has a part of it.
    """
    apart = (after - before).abs().amax(0, keepdim=True)[None]
    share = ((apart - _SAME) / (_OTHER - _SAME)).clamp(0, 1)
    share = F.avg_pool2d(share, _SMOOTH, stride=1, padding=_SMOOTH // 2, count_include_pad=False)[0]
    if not variant % len(_SHADES) or float(share.sum()) < 1:
        return after
    for part in _PARTS:
        made = _moved(after, variant % len(_SHADES), part)
        if _name(made, share) == _name(after, share):
            return torch.lerp(after, made, share)
    return after


def _moved(picture: Tensor, variant: int, part: float) -> Tensor:
    hue, saturation, value = _SHADES[variant]
    colours = hsv(picture[None].clamp(0, 1))
    moved = torch.stack(
        (
            (colours[:, 0] + part * hue) % 360,
            (colours[:, 1] * saturation**part).clamp(0, 1),
            (colours[:, 2] * value**part).clamp(0, 1),
        ),
        dim=1,
    )
    return rgb(moved)[0]


def _name(picture: Tensor, share: Tensor) -> int:
    """The number of the colour word nearest to the mean of what was shaded."""
    mean = (picture * share).sum((1, 2)) / share.sum()
    return int(torch.cdist(mean[None], rgb(torch.tensor(list(COLOURS.values())))).argmin())
