"""Finds how a remembered drawing stands in a picture, so that an edit or a variation draws it where it is."""

# torch leaves many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.pocket.pose import LARGEST, SMALLEST, TURN_AT_MOST, Pose
from engine.pocket.recall import CHANNELS, fitted

EXPLAINED = 0.65
"""A drawing is seen in a picture where it explains this share of what differs from the background."""
_STARTS = 4
_ROUNDS = ((2, 1.0), (1, 0.4), (1, 0.2))
"""How much smaller picture and drawing are in each round of the search, and how far it looks around."""


def pose_in(picture: Tensor, drawings: Tensor, *, alone: bool, mirrorable: bool) -> Pose | None:
    """The pose (1,) in which one of some drawings (1, 4 N, 64, 64) shows best in a picture (1, 3, H, W) in [0, 1].

    None where none of them is seen there. First all poses are tried, a few pixels apart, then smaller and smaller
    changes of the best. Several things, not `alone`, stand where the words put them or are not seen.
    """
    picture, drawings = picture.cpu(), drawings.cpu()  # too little to be worth a GPU's many small calls
    ground = _ground(picture)
    sheets = fitted(drawings, *picture.shape[2:]).unflatten(1, (-1, CHANNELS))[0]
    search = _Search(picture, sheets, ground)
    if not alone:
        return UPRIGHT if float(search.scores(_STILL, 1).max()) >= EXPLAINED else None
    tried = _everywhere(mirrorable)
    scores = search.scores(tried, 4)
    style = int(scores.amax(1).argmax())
    search = replace(search, sheets=search.sheets[style : style + 1])
    scores = scores[style]
    best = tried[scores.topk(_STARTS).indices]
    for reduction, reach in _ROUNDS:
        tried = _around(best, reach)
        scores = search.scores(tried, reduction)[0]
        best = tried[scores.topk(1).indices]
    return _pose(best) if float(scores.max()) >= EXPLAINED else None


@dataclass(frozen=True)
class _Search:
    picture: Tensor
    sheets: Tensor
    """(N, 4, H, W), premultiplied."""
    ground: Tensor
    """The colour (3, 1, 1) behind them."""

    def scores(self, tried: Tensor, reduction: int) -> Tensor:
        """What share of the picture each drawing explains in each of P poses, (N, P)."""
        picture, sheets = (F.avg_pool2d(each, reduction) for each in (self.picture, self.sheets))
        count = len(tried)
        everywhere = torch.ones(count, dtype=torch.bool)
        placed = _pose(tried).place(sheets.flatten(0, 1).expand(count, -1, -1, -1), everywhere, everywhere)
        placed = placed.unflatten(1, (-1, CHANNELS))
        shown = placed[:, :, :3] + (1 - placed[:, :, 3:]) * self.ground
        missed = (shown - picture[:, None]).square().mean((2, 3, 4))
        return 1 - missed.T / (picture - self.ground).square().mean().clamp(min=1e-6)


def _ground(picture: Tensor) -> Tensor:
    edges = torch.cat((picture[0, :, 0], picture[0, :, -1], picture[0, :, :, 0], picture[0, :, :, -1]), dim=1)
    return edges.median(1).values[:, None, None]


def _everywhere(mirrorable: bool) -> Tensor:
    """Poses (P, 5) as shares of what is possible: scale in [0, 1], turn, right and down in [-1, 1], and the side."""
    middle = torch.linspace(-0.8, 0.8, 5)
    sides = torch.tensor([-1.0, 1.0] if mirrorable else [-1.0])
    return torch.cartesian_prod(torch.linspace(0, 1, 4), torch.linspace(-0.9, 0.9, 4), middle, middle, sides)


def _around(poses: Tensor, reach: float) -> Tensor:
    """Poses (P * 81, 5) that differ from some (P, 5) by a step or none in everything but the side."""
    steps = [torch.tensor([-0.17, 0, 0.17]) * reach, *[torch.tensor([-0.25, 0, 0.25]) * reach] * 3, torch.zeros(1)]
    moved = (poses[:, None] + torch.cartesian_prod(*steps)).flatten(0, 1)
    return torch.cat((moved[:, :1].clamp(0, 1), moved[:, 1:4].clamp(-1, 1), moved[:, 4:]), dim=1)


def _pose(shares: Tensor) -> Pose:
    scale, turn, right, down, side = shares.unbind(1)
    scale = SMALLEST + scale * (LARGEST - SMALLEST)
    return Pose(scale, turn * TURN_AT_MOST, right * (1 - scale), down * (1 - scale), side > 0)


_STILL = torch.tensor([[1.0, 0.0, 0.0, 0.0, -1.0]])
UPRIGHT = _pose(_STILL)
"""As drawings lie in memory."""
