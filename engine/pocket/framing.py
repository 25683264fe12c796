"""Remembered drawings for a part of a picture, or for more than it: a tile, a region, a canvas around it."""

# torch leaves many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.pocket.pose import Pose
from engine.pocket.pose_search import UPRIGHT

Box = tuple[float, float, float, float]
"""Left, top, right and bottom as shares of a frame's edges; a picture may be larger than the frame."""
Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True)
class Frame:
    """What is drawn at a time.

    Args:
        size: Of the frame.
        at: Where in it the picture lies in which drawings were looked for.
        picture_size: Of that picture.
        free: Where in the frame a thing is drawn that the picture does not show; None for nowhere.
    """

    size: Size
    at: Box
    picture_size: Size
    free: Box | None = None

    def drawings(self, sheet: Tensor, pose: Pose | None) -> Tensor:
        """A sheet of drawings (1, C, 64, 64) as this frame has them, given the pose (1,) that was found, if one was."""
        if pose is not None:
            return _moved(sheet, self._back(self.at, self.picture_size, pose))
        if self.free is None:
            return torch.zeros_like(sheet)
        left, top, right, bottom = self.free
        size = (round((right - left) * self.size[0]), round((bottom - top) * self.size[1]))
        return _moved(sheet, self._back(self.free, size, UPRIGHT))

    def _back(self, at: Box, size: Size, pose: Pose) -> Tensor:
        """(3, 3): from a place in the frame's middle square to the place in the drawing that it shows."""
        left, top, right, bottom = at
        wide, high = 1 / (right - left), 1 / (bottom - top)
        inside = torch.tensor([[wide, 0, wide - 2 * left * wide - 1], [0, high, high - 2 * top * high - 1], [0, 0, 1]])
        stands = torch.cat((pose.back(size[0] / size[1])[0].cpu(), torch.tensor([[0.0, 0, 1]])))
        return torch.linalg.inv(_middle(size)) @ stands @ inside @ _middle(self.size)


def _middle(size: Size) -> Tensor:
    """(3, 3): from a place in the middle square of a frame to the place in all of it."""
    edge = min(size)
    return torch.diag(torch.tensor([edge / size[0], edge / size[1], 1.0]))


def _moved(sheet: Tensor, back: Tensor) -> Tensor:
    grid = F.affine_grid(back[None, :2].to(sheet.device), list(sheet.shape), align_corners=False)
    return F.grid_sample(sheet.float(), grid, align_corners=False).to(sheet.dtype)


def framed(sheets: Tensor, poses: Sequence[Pose | None], frame: Frame) -> Tensor:
    """Sheets (B, C, 64, 64), each as the frame has it."""
    return torch.cat([frame.drawings(sheet[None], pose) for sheet, pose in zip(sheets, poses, strict=True)])
