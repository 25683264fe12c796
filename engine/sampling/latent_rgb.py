"""Fits the map from latents to RGB: linear, to what the model's own VAE makes of a few synthetic pictures."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

import contextlib
import math
import time
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch.nn import functional

from engine.model_files import atomic_file
from engine.sampling.latent_layout import LatentLayout, RGBMap, divisors

_FIT_PICTURES = 8
_FIT_SIDE = 128
_WORTH_KEEPING_S = 1.0


def fit_rgb_map(vae: Any, layout: LatentLayout) -> RGBMap:
    """Fit by least squares what the VAE makes of a few synthetic pictures. Deterministic."""
    pictures = synthetic_pictures(_FIT_PICTURES, max(_FIT_SIDE, 4 * layout.factor))
    latents = torch.cat([encode_pictures(vae, picture[None]) for picture in pictures]).float().cpu()
    channels = latents.shape[1]
    upscale = max(divisor for divisor in divisors(layout.factor) if 3 * divisor * divisor <= max(3, channels))
    side = latents.shape[-1] * upscale
    target = functional.pixel_unshuffle(functional.adaptive_avg_pool2d(pictures, side), upscale)
    inputs = latents.permute(0, 2, 3, 1).reshape(-1, channels).double()
    inputs = torch.cat([inputs, torch.ones(len(inputs), 1, dtype=torch.double)], dim=1)
    outputs = target.permute(0, 2, 3, 1).reshape(-1, target.shape[1]).double()
    # A little ridge keeps dead channels of small or broken VAEs from blowing up.
    gram = inputs.T @ inputs + 1e-6 * len(inputs) * torch.eye(channels + 1, dtype=torch.double)
    solution = torch.linalg.solve(gram, inputs.T @ outputs).float()
    return RGBMap(solution[:-1].T.contiguous(), solution[-1].contiguous(), upscale)


def remembered_rgb_map(vae: Any, layout: LatentLayout, kept: Path) -> RGBMap:
    """`fit_rgb_map`, kept in a file where the fit takes more than a second (a large VAE on a CPU)."""
    with contextlib.suppress(OSError, SafetensorError):  # missing or damaged: it only saves time
        stored = load(kept.read_bytes())
        return RGBMap(stored["weight"], stored["bias"], math.isqrt(len(stored["bias"]) // 3))
    begin = time.perf_counter()
    fitted = fit_rgb_map(vae, layout)
    if time.perf_counter() - begin > _WORTH_KEEPING_S:
        with contextlib.suppress(OSError):  # a folder that cannot be written to costs the time again
            atomic_file.replace(kept, save({"weight": fitted.weight, "bias": fitted.bias}))
    return fitted


@torch.no_grad()
def encode_pictures(vae: Any, pictures: torch.Tensor) -> torch.Tensor:
    """The VAE's own latents (n, channels, rows, columns) of pictures (n, 3, h, w) in [0, 1]; the likeliest ones."""
    parameter = next(iter(vae.parameters()), torch.zeros(1))
    inputs = (pictures * 2 - 1).to(parameter.device, parameter.dtype)
    if vae.config.get("in_channels") == 4:  # Qwen-Image 2.1 sees transparency
        inputs = torch.cat([inputs, torch.ones_like(inputs[:, :1])], dim=1)
    if "temperal_downsample" in vae.config or "temporal_compression_ratio" in vae.config:
        inputs = inputs[:, :, None]
    output = vae.encode(inputs)
    found = next(getattr(output, key) for key in ("latent_dist", "latents", "latent") if hasattr(output, key))
    latents = found.mode() if hasattr(found, "mode") and not isinstance(found, torch.Tensor) else found
    return latents[:, :, 0] if latents.ndim == 5 else latents


def synthetic_pictures(count: int, side: int) -> torch.Tensor:
    """Smooth colour fields with hard-edged discs, (count, 3, side, side) in [0, 1]; always the same."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 5, 5, generator=generator)
    pictures = functional.interpolate(coarse, size=(side, side), mode="bicubic", align_corners=True).clamp(0, 1)
    axis = torch.linspace(0, 1, side)
    for picture in pictures:
        for _ in range(4):
            x, y, radius = torch.rand(3, generator=generator).tolist()
            disc = (axis[None] - x) ** 2 + (axis[:, None] - y) ** 2 < (0.05 + 0.2 * radius) ** 2
            picture[:, disc] = torch.rand(3, 1, generator=generator)
    return pictures
