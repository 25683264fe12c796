"""x0 estimates as small pictures: cells, preview mosaics, coarse ones, and frames of the time-lapse."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from engine.events import Preview
from engine.pictures.images import encode_jpeg, fit_jpeg, mosaic
from engine.sampling.latent_layout import LatentLayout, RGBMap, unfold

MAX_PREVIEW_BYTES = 40_000
FRAME_SIDE = 128
COARSE_SIDE = 12
"""Longer side in pixels of a coarse preview: only colours and their places can be made out."""


class Previewer:
    """Turns x0 estimates into pixels and a small mosaic; one for each model, shared by its lanes."""

    def __init__(
        self,
        layout: LatentLayout | None,
        rgb_map: RGBMap | None,
        tiny_vae: Any | None = None,
        side: int = 256,
        flaw: str = "",
    ) -> None:
        """`layout` None means a pixel model; `side` is a cell's longer side in pixels, at most."""
        self.flaw = flaw
        """Why the tiny autoencoder of the settings is not used, or ""."""
        self._layout, self._rgb_map, self._tiny_vae, self._side = layout, rgb_map, tiny_vae, side

    @torch.no_grad()
    def pixels(self, x0: torch.Tensor, width: int, height: int) -> torch.Tensor | None:
        """(cells, 3, rows, columns) in [0, 1] on the device; None when x0 holds no picture (a prior's embedding)."""
        if self._layout is None:
            return (x0[:, :3].float() / 2 + 0.5).clamp(0, 1) if x0.ndim == 4 and x0.shape[1] >= 3 else None
        grid = self._layout.unpack(x0.float(), width, height)
        if grid is None:
            return None
        if self._tiny_vae is not None:
            latents = unfold(grid, self._layout.channels).to(self._tiny_vae.dtype)
            return (self._tiny_vae.decode(latents).sample.float() / 2 + 0.5).clamp(0, 1)
        return None if self._rgb_map is None else self._rgb_map(self._layout.to_vae(grid)).clamp(0, 1)

    def preview(self, x0: torch.Tensor, width: int, height: int) -> Preview | None:
        """All cells in one JPEG of at most 40 kB; None when x0 holds no picture. `width`, `height`: the picture's."""
        pixels = self.pixels(x0, width, height)
        return None if pixels is None else self.encode(pixels, width, height)

    def encode(self, pixels: torch.Tensor, width: int, height: int) -> Preview:
        """The mosaic of `pixels`; pure CPU work after one copy, so it may run in another thread."""
        return preview_of(self.cells(pixels, width, height))

    def cells(self, pixels: torch.Tensor, width: int, height: int) -> list[Image.Image]:
        """Each cell of `pixels` as a small picture."""
        return cells_of(pixels, (width, height), self._side)


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
