"""How the tensor that a denoiser works on relates to the latents of its VAE, and these to colours."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class LatentLayout:
    """How the denoiser's latents relate to the VAE's own: z = scale * x0 / gain + shift, per channel.

    `channels` and `factor` (pixels per latent) are the VAE's; `scale` and `shift` have the denoiser's channel count,
    the VAE's, or one entry for all.
    """

    channels: int
    factor: int
    scale: torch.Tensor
    shift: torch.Tensor
    gain: float = 1.0

    @classmethod
    def of(cls, vae: Any, gain: float = 1.0) -> LatentLayout:
        """Read from the VAE's config, as the pipelines of diffusers do."""
        config = vae.config
        channels = int(getattr(config, "latent_channels", None) or getattr(config, "z_dim", 4))
        scale, shift = _denormalisation(vae)
        return cls(channels, _factor(config), scale, shift, gain)

    def unpack(self, x0: torch.Tensor, width: int, height: int) -> torch.Tensor | None:
        """The denoiser's tensor as (batch, channels, rows, columns) in its own scale; None for no picture latents."""
        if x0.ndim == 5:
            x0 = x0[:, :, 0]
        if x0.ndim == 3:
            x0 = _tokens_to_grid(x0, width, height)
        fits = x0.ndim == 4 and x0.shape[1] in (self.channels, 4 * self.channels)
        is_known = len(self.scale) in (1, self.channels, 4 * self.channels)
        return x0 / self.gain if fits and is_known else None

    def to_vae(self, grid: torch.Tensor) -> torch.Tensor:
        """Into the VAE's own scale, 2x2 patches unfolded."""
        scale, shift = self.normalisation(grid)
        return unfold(self.in_patches(grid) * scale + shift, self.channels)

    def in_patches(self, grid: torch.Tensor) -> torch.Tensor:
        """Folded or unfolded, so that it has a channel for each entry of `scale`."""
        if len(self.scale) == 4 * grid.shape[1]:
            return functional.pixel_unshuffle(grid, 2)
        return unfold(grid, self.channels) if len(self.scale) == self.channels else grid

    def normalisation(self, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """`scale` and `shift` beside a grid."""
        return self.scale.to(like.device).view(1, -1, 1, 1), self.shift.to(like.device).view(1, -1, 1, 1)


@dataclass(frozen=True, slots=True)
class RGBMap:
    """A linear map from VAE latents to `upscale` x `upscale` RGB sub-pixels each.

    `weight` has shape (3 * upscale**2, channels), `bias` (3 * upscale**2,); RGB is in [0, 1].
    """

    weight: torch.Tensor
    bias: torch.Tensor
    upscale: int

    def __call__(self, latents: torch.Tensor) -> torch.Tensor:
        """(batch, channels, rows, columns) -> (batch, 3, rows * upscale, columns * upscale)."""
        weight, bias = self.weight.to(latents.device), self.bias.to(latents.device)
        return functional.pixel_shuffle(functional.conv2d(latents, weight[:, :, None, None], bias), self.upscale)


def _tokens_to_grid(tokens: torch.Tensor, width: int, height: int) -> torch.Tensor:
    count = tokens.shape[1]
    rows = min(divisors(count), key=lambda rows: abs(math.log(rows * rows * width / (count * height))))
    return tokens.transpose(1, 2).unflatten(2, (rows, count // rows))


def divisors(number: int) -> list[int]:
    """All of them, 1 and the number itself too."""
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]


def unfold(grid: torch.Tensor, channels: int) -> torch.Tensor:
    """2x2 patches of a latent's channels put side by side again; others are left as they are."""
    return functional.pixel_shuffle(grid, 2) if grid.shape[1] == 4 * channels else grid


def _denormalisation(vae: Any) -> tuple[torch.Tensor, torch.Tensor]:
    config = vae.config
    if hasattr(vae, "bn"):
        deviation = (vae.bn.running_var + config.batch_norm_eps) ** 0.5
        return deviation.detach().float().cpu(), vae.bn.running_mean.detach().float().cpu()
    if getattr(config, "latents_mean", None) is not None and getattr(config, "latents_std", None) is not None:
        return torch.tensor(config.latents_std).float(), torch.tensor(config.latents_mean).float()
    if type(vae).__name__ == "VQModel":
        # Kandinsky's MoVQ is decoded unscaled, whatever its config's default says.
        return torch.ones(1), torch.zeros(1)
    scaling = getattr(config, "scaling_factor", None) or 1.0
    return torch.tensor([1 / scaling]), torch.tensor([getattr(config, "shift_factor", None) or 0.0])


def _factor(config: Any) -> int:
    for key in ("spatial_compression_ratio", "scale_factor_spatial", "ffactor_spatial", "patch_size"):
        if isinstance(getattr(config, key, None), int):
            return getattr(config, key)
    for key in ("block_out_channels", "encoder_block_out_channels"):
        if getattr(config, key, None):
            return 2 ** (len(getattr(config, key)) - 1)
    if getattr(config, "temperal_downsample", None):
        return 2 ** len(config.temperal_downsample)
    return 8
