"""How remembered drawings stand in a picture: decided by its static, so that every seed has a pose of its own."""

# torch leaves many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.pocket.codec import LUMINANCE
from engine.pocket.noise import enlarged

SMALLEST, LARGEST = 0.84, 1.0
_SURE = (0.005, 0.995)
"""Shares of a normal distribution beyond which no number is asked for."""
_TURN, TURN_AT_MOST = math.radians(4), math.radians(9)


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
        return Pose.by(_independent(static.float()[:, 0]))

    @staticmethod
    def by(numbers: Tensor) -> Pose:
        """The pose for five standard normal numbers (B, 5)."""
        total, across, along, turn, side = numbers.unbind(1)
        scale = torch.lerp(total.new_tensor(SMALLEST), total.new_tensor(LARGEST), torch.special.ndtr(total))
        right, down = ((2 * torch.special.ndtr(each) - 1) * (1 - scale) for each in (across, along))
        turn = (turn * _TURN).clamp(-TURN_AT_MOST, TURN_AT_MOST)
        return Pose(scale, turn, right, down, side > 0)

    @property
    def numbers(self) -> Tensor:
        """Five numbers (B, 5) of which this is the pose."""
        room = (1 - self.scale).clamp(min=1e-3)
        over = ((each / room + 1) / 2 for each in (self.right, self.down))
        shares = torch.stack(((self.scale - SMALLEST) / (LARGEST - SMALLEST), *over), dim=1)
        sides = torch.where(self.mirrored, 1.0, -1.0)
        told = torch.special.ndtri(shares.clamp(*_SURE))
        return torch.cat((told, torch.stack((self.turn / _TURN, sides), dim=1)), dim=1)

    def place(self, drawings: Tensor, alone: Tensor, mirrorable: Tensor) -> Tensor:
        """Drawings (B, C, H, W), mirrored, scaled, turned and shifted; what is beyond their edge is clear.

        Rows that are not `alone` (B,), which show several things where the words put them, stay as they are.
        """
        _, _, height, width = drawings.shape
        scale = torch.where(alone, self.scale, 1.0)
        turn, right, down = (torch.where(alone, each, 0.0) for each in (self.turn, self.right, self.down))
        standing = Pose(scale, turn, right, down, self.mirrored & mirrorable)
        grid = F.affine_grid(standing.back(width / height), list(drawings.shape), align_corners=False)
        return F.grid_sample(drawings.float(), grid, align_corners=False).to(drawings.dtype)

    def turned_back(self, pictures: Tensor, mirrorable: Tensor) -> Tensor:
        """Pictures (B, C, H, W) of things that stand so, moved so that they stand upright; edges are drawn out."""
        back = replace(self, mirrored=self.mirrored & mirrorable).back(pictures.shape[3] / pictures.shape[2])
        grid = F.affine_grid(torch.linalg.inv(square(back))[:, :2], list(pictures.shape), align_corners=False)
        return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)

    def back(self, aspect: float) -> Tensor:
        """(B, 2, 3): from a place in the picture to the place in the drawing that it shows."""
        across, along = self.turn.cos() / self.scale, self.turn.sin() / self.scale
        back = torch.stack(
            (
                across, along / aspect, -across * self.right - along / aspect * self.down,
                -along * aspect, across, along * aspect * self.right - across * self.down,
            ),
            dim=1,
        ).unflatten(1, (2, 3))  # fmt: skip
        back[:, 0] *= torch.where(self.mirrored, -1.0, 1.0)[:, None]
        return back


def square(back: Tensor) -> Tensor:
    """Affine maps (B, 2, 3) as matrices (B, 3, 3)."""
    last = back.new_tensor([0.0, 0.0, 1.0]).expand(len(back), 1, -1)
    return torch.cat((back, last), dim=1)


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


def numbers_of(noise: Tensor, multiple: int) -> Tensor:
    """The five numbers (B, 5) that decide on the pose of what comes out of noise (B, 4, h, w).

    Denoisers draw at edges that are a `multiple`.
    """
    padded = enlarged(noise.float(), multiple)
    return _independent(static_of(padded, padded.new_zeros(len(noise)))[:, 0])


def with_numbers(noise: Tensor, numbers: Tensor, multiple: int) -> Tensor:
    """Noise (B, 4, h, w) changed as little as makes its five numbers these (B, 5)."""
    patterns = _apart(_patterns(*noise.shape[2:]).to(noise))
    shares = torch.linalg.solve(numbers_of(patterns, multiple).T, (numbers - numbers_of(noise, multiple)).T).T
    return noise + torch.einsum("bn,nchw->bchw", shares.to(noise), patterns)


def _apart(static: Tensor) -> Tensor:
    """Noise (B, 4, h, w) of which `static` (B, h, w) is the static, and which is nothing else."""
    weights = static.new_tensor((*(-each for each in LUMINANCE), 1.0))
    return static[:, None] * (weights / weights.norm())[:, None, None]


def _independent(static: Tensor) -> Tensor:
    """Five standard normal numbers (B, 5) out of static (B, h, w)."""
    height, width = static.shape[1:]
    return torch.einsum("bhw,nhw->bn", static, _patterns(height, width).to(static)) / math.sqrt(height * width)


def _patterns(height: int, width: int) -> Tensor:
    """Five patterns of signs (5, h, w), as many of one sign as of the other but for the first, none like another."""
    rows = (torch.arange(height) * 2 >= height).float() * 2 - 1
    columns = (torch.arange(width) * 2 >= width).float() * 2 - 1
    stripes = ((torch.arange(width) * 4 // width) % 2).float() * 2 - 1
    down = torch.stack((torch.ones(height), torch.ones(height), rows, rows, torch.ones(height)))
    over = torch.stack((torch.ones(width), columns, torch.ones(width), columns, stripes))
    return down[:, :, None] * over[:, None, :]
