"""Turns x0 estimates into small pictures."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

from typing import Any

import torch
from PIL import Image

from engine.events import Preview
from engine.previews.thumbnails import cells_of, preview_of
from engine.sampling.latent_layout import LatentLayout, unfold
from engine.sampling.latent_rgb import RGBMap


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
