"""How remembered drawings stand in a picture: decided by its static, so that every seed has a pose of its own."""

# torch leaves many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.pocket.codec import LUMINANCE

_SMALLEST, _LARGEST = 0.84, 1.0
_TURN, _TURN_AT_MOST = math.radians(4), math.radians(9)


@dataclass(frozen=True)
class Pose:
    """One for each picture.

    Args:
        scale: (B,), of the edge.
        turn: (B,) radians clockwise.
        right: (B,) shift in half edges of the picture, as `down`.
        mirrored: (B,) whether what may be mirrored is.
    """

    scale: Tensor
    turn: Tensor
    right: Tensor
    down: Tensor
    mirrored: Tensor

    @staticmethod
    def of(static: Tensor) -> Pose:
        """The pose that static (B, 1, h, w) of unit variance decides on; the same at half its size."""
        total, across, along, turn, side = (_independent(static.float()[:, 0])).unbind(1)
        scale = torch.lerp(total.new_tensor(_SMALLEST), total.new_tensor(_LARGEST), _share(total))
        right, down = ((2 * _share(each) - 1) * (1 - scale) for each in (across, along))
        turn = (turn * _TURN).clamp(-_TURN_AT_MOST, _TURN_AT_MOST)
        return Pose(scale, turn, right, down, side > 0)

    def place(self, drawings: Tensor, alone: Tensor, mirrorable: Tensor) -> Tensor:
        """Drawings (B, C, H, W), mirrored, scaled, turned and shifted; what is beyond their edge is clear.

        Rows that are not `alone` (B,), which show several things where the words put them, stay as they are.
        """
        _, _, height, width = drawings.shape
        aspect = width / height
        scale = torch.where(alone, self.scale, 1.0)
        turn, right, down = (torch.where(alone, each, 0.0) for each in (self.turn, self.right, self.down))
        across, along = turn.cos() / scale, turn.sin() / scale
        back = torch.stack(  # from a place in the picture to the place in the drawing it shows
            (
                across, along / aspect, -across * right - along / aspect * down,
                -along * aspect, across, along * aspect * right - across * down,
            ),
            dim=1,
        ).unflatten(1, (2, 3))  # fmt: skip
        flip = torch.where(self.mirrored & mirrorable, -1.0, 1.0)
        back[:, 0] *= flip[:, None]
        grid = F.affine_grid(back, list(drawings.shape), align_corners=False)
        return F.grid_sample(drawings.float(), grid, align_corners=False).to(drawings.dtype)


def static_of(sample: Tensor, signal_to_noise: Tensor) -> Tensor:
    """The static (B, 1, h, w) in a sample (B, 4, h, w), to the last bit whatever the picture behind it is.

    Pictures have their luminance as a fourth channel. What a sample's own differs from that is static alone, and stays
    what it was through all steps of a sampler that adds no new one.
    """
    weights = sample.new_tensor(LUMINANCE, dtype=torch.float32)
    apart = sample[:, 3:].float() - (sample[:, :3].float() * weights[:, None, None]).sum(1, keepdim=True)
    sigma = 1 / (1 + signal_to_noise.float() ** 2).sqrt()
    spread = sigma * (1 + weights.square().sum()).sqrt()
    return apart / spread[:, None, None, None]


def _share(normal: Tensor) -> Tensor:
    """How much of a standard normal distribution lies below."""
    return torch.special.ndtr(normal)


def _independent(static: Tensor) -> Tensor:
    """Five standard normal numbers (B, 5) out of static (B, h, w): sums with signs that are each other's opposite."""
    height, width = static.shape[1:]
    rows = (torch.arange(height, device=static.device) * 2 >= height).float() * 2 - 1
    columns = (torch.arange(width, device=static.device) * 2 >= width).float() * 2 - 1
    stripes = ((torch.arange(width, device=static.device) * 4 // width) % 2).float() * 2 - 1
    ones = torch.ones_like(rows)
    down = torch.stack((ones, ones, rows, rows, ones))
    over = torch.stack((torch.ones_like(columns), columns, torch.ones_like(columns), columns, stripes))
    return torch.einsum("bhw,nh,nw->bn", static, down, over) / math.sqrt(height * width)
