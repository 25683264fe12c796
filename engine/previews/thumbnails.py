"""The pixels of x0 estimates as small pictures: cells, preview mosaics, coarse ones, and frames of the time-lapse."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from engine.events import Preview
from engine.pictures.images import encode_jpeg, fit_jpeg, mosaic

MAX_PREVIEW_BYTES = 40_000
FRAME_SIDE = 128
COARSE_SIDE = 12
"""Longer side in pixels of a coarse preview: only colours and their places can be made out."""


def cells_of(pixels: torch.Tensor, size: tuple[int, int], side: int) -> list[Image.Image]:
    """(cells, 3, rows, columns) in [0, 1] -> pictures in the proportions of `size`, at most `side` pixels long."""
    scale = min(1.0, side / max(size))
    small = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    levels = (torch.nan_to_num(pixels) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return [Image.fromarray(np.ascontiguousarray(cell)).resize(small, Image.Resampling.BILINEAR) for cell in levels]


def preview_of(cells: Sequence[Image.Image]) -> Preview:
    """All cells in one JPEG of at most 40 kB."""
    whole = mosaic(list(cells))
    return Preview(fit_jpeg(whole, MAX_PREVIEW_BYTES), whole.width, whole.height, "image/jpeg")


def coarse(cells: Sequence[Image.Image]) -> list[Image.Image]:
    """The pictures scaled down to `COARSE_SIDE` and up again."""
    return [_coarse(cell) for cell in cells]


def _coarse(cell: Image.Image) -> Image.Image:
    scale = COARSE_SIDE / max(cell.size)
    few = (max(1, round(cell.width * scale)), max(1, round(cell.height * scale)))
    return cell.resize(few, Image.Resampling.BOX).resize(cell.size, Image.Resampling.BICUBIC)


def frame_of(pixels: torch.Tensor, size: tuple[int, int]) -> bytes:
    """One frame of the time-lapse: a small JPEG mosaic, made in a third of a WebP's time."""
    return encode_jpeg(mosaic(cells_of(pixels, size, FRAME_SIDE)))
