"""Starting from a picture, and keeping parts of one, in families whose own pipelines start from noise only.

The picture's latents, with the noise of step k, replace the sample that the loop has after k idle steps. The same with
`sigmas` cut short equals diffusers' own image-to-image pipelines to the bit; this needs no argument of the pipeline.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch.nn import functional

from engine.errors import InvalidRequest
from engine.operations.pixels import tensor_of
from engine.sampling.latent_layout import LatentLayout, unfold
from engine.sampling.latent_rgb import encode_pictures


@dataclass
class PictureOrigin:
    """A picture in the denoiser's terms; see `engine.sampling.step_watch.Origin`."""

    picture: Image.Image
    strength: float
    mask: Image.Image | None
    """White where the picture is drawn anew; None means everywhere."""
    vae: Any | None
    """The autoencoder, which may be a parking view; None for a model that draws pixels."""
    _x0: torch.Tensor | None = None
    _share: torch.Tensor | None = None

    def noised(self, like: torch.Tensor, noise: torch.Tensor, noise_scheduler: Any, index: int) -> torch.Tensor:
        """The picture in the form of `like`, with the noise of timestep number `index`; past the last, none.

        Raises `InvalidRequest` for a family whose latents are of a form that is not known here.
        """
        if self._x0 is None:
            self._x0 = self._latents(like)
            can_noise = hasattr(noise_scheduler, "scale_noise") or hasattr(noise_scheduler, "add_noise")  # not Sprint's
            if self._x0.shape[1:] != like.shape[1:] or not can_noise:
                # Kandinsky 5's channels come last, Kontext's tokens hold more than the picture ...
                raise InvalidRequest("image", "this model cannot start from a picture; ask it with words alone")
        x0 = self._x0.expand_as(like).to(like.dtype)
        return noised_to(x0, noise, noise_scheduler, index)

    def clean(self, like: torch.Tensor, noise_scheduler: Any) -> torch.Tensor:
        """The picture in the form of `like`, without noise. Raises as `noised`."""
        return self.noised(like, like, noise_scheduler, len(noise_scheduler.timesteps))

    def keep(self, latents: torch.Tensor, noised: torch.Tensor) -> torch.Tensor:
        """`latents` where the mask is white, `noised` where it is black."""
        if self.mask is None:
            return latents
        share = self._shares(latents, self.mask)
        return share * latents + (1 - share) * noised

    def inside(self, change: torch.Tensor) -> torch.Tensor:
        """A change of latents where the mask is white, nothing where it is black."""
        return change if self.mask is None else self._shares(change, self.mask) * change

    def _shares(self, like: torch.Tensor, mask: Image.Image) -> torch.Tensor:
        if self._share is None:
            self._share = self._white(like, mask)
        return self._share

    def _latents(self, like: torch.Tensor) -> torch.Tensor:
        pixels = tensor_of(self.picture.resize(self._size(like), Image.Resampling.LANCZOS)).to(like.device)
        if self.vae is None:
            return pixels * 2 - 1
        return _in_form(encode_pictures(self.vae, pixels).float(), like, LatentLayout.of(self.vae), scaled=True)

    def _white(self, like: torch.Tensor, mask: Image.Image) -> torch.Tensor:
        white = tensor_of(mask.resize(self._size(like), Image.Resampling.BILINEAR).convert("RGB")).to(like.device)
        if self.vae is None:
            return white.to(like.dtype)
        layout = LatentLayout.of(self.vae)
        small = functional.avg_pool2d(white[:, :1], layout.factor).expand(-1, layout.channels, -1, -1)
        return _in_form(small, like, layout, scaled=False).to(like.dtype)

    def _size(self, like: torch.Tensor) -> tuple[int, int]:
        """The picture's width and height in pixels: the pipeline's word, not ours, where its sample shows it."""
        if like.ndim == 3:
            return self.picture.size
        if self.vae is None:
            return like.shape[-1], like.shape[-2]
        layout = LatentLayout.of(self.vae)
        factor = layout.factor * (2 if like.shape[1] == 4 * layout.channels else 1)
        return like.shape[-1] * factor, like.shape[-2] * factor


def noised_to(x0: torch.Tensor, noise: torch.Tensor, noise_scheduler: Any, index: int) -> torch.Tensor:
    """`x0` with the noise of timestep number `index`; past the last one, clean."""
    if index >= len(noise_scheduler.timesteps):
        return x0
    timestep = noise_scheduler.timesteps[index : index + 1].expand(len(x0))
    if hasattr(noise_scheduler, "scale_noise"):
        return noise_scheduler.scale_noise(x0, timestep, noise.to(x0.dtype))
    return noise_scheduler.add_noise(x0, noise.to(x0.dtype), timestep)


def _in_form(grid: torch.Tensor, like: torch.Tensor, layout: LatentLayout, scaled: bool) -> torch.Tensor:
    """The inverse of `LatentLayout.unpack` and `to_vae`: folded, normalised, flattened to tokens as `like` is."""
    channels = like.shape[2] if like.ndim == 3 else like.shape[1]
    if scaled:
        scale, shift = layout.normalisation(grid)
        grid = unfold((layout.in_patches(grid) - shift) / scale, layout.channels)
    if channels == 4 * grid.shape[1]:
        grid = functional.pixel_unshuffle(grid, 2)
    if like.ndim == 3:
        return grid.flatten(2).transpose(1, 2)
    return grid[:, :, None] if like.ndim == 5 else grid
