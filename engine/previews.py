"""What a lane will look like: the x0 estimate of every noise scheduler, turned into one small mosaic.

Formulas: Karras et al. 2022 (arXiv 2206.00364), Salimans & Ho 2022 for v (2202.00512), Lipman et al. 2022 for flow
matching (2210.02747). Latents become RGB by a linear map fitted to the model's own VAE.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportPrivateUsage=false
# (diffusers has hardly any types, and keeps the conversion of sigmas to itself)

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional

from engine.events import Preview
from engine.thumbnails import cells_of, preview_of

_FIT_PICTURES = 8
_FIT_SIDE = 128
_WORTH_KEEPING_S = 1.0


def predict_x0(
    noise_scheduler: Any, model_output: torch.Tensor, sample: torch.Tensor, timestep: Any
) -> torch.Tensor | None:
    """The clean sample that this denoiser call points to, in float32; None where the noise scheduler has no such thing.

    Call it before `noise_scheduler.step`, with the same arguments. Dynamic thresholding is left out.
    """
    prediction = getattr(noise_scheduler.config, "prediction_type", "flow_prediction")
    sample, model_output = sample.float(), _mean(model_output, sample).float()
    if prediction == "sample":
        return model_output
    if prediction == "trigflow":
        angle = noise_scheduler.timesteps[_index(noise_scheduler, timestep)]
        return torch.cos(angle) * sample - torch.sin(angle) * model_output
    if hasattr(noise_scheduler, "precondition_outputs"):
        return noise_scheduler.precondition_outputs(sample, model_output, _sigma(noise_scheduler, timestep))
    level = _noise_level(noise_scheduler, timestep)
    return None if level is None else _clip(noise_scheduler, _solve(level, prediction, sample, model_output))


def _mean(model_output: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
    """Without the learned variance that some denoisers append as further channels."""
    doubled = sample.ndim > 2 and model_output.shape[1] == 2 * sample.shape[1] and sample.ndim != 3
    return model_output[:, : sample.shape[1]] if doubled else model_output


def _solve(
    level: tuple[torch.Tensor, torch.Tensor, bool], prediction: str, sample: torch.Tensor, output: torch.Tensor
) -> torch.Tensor:
    """x0 from sample = alpha * x0 + sigma * noise."""
    alpha, sigma, flow = level
    if flow or prediction == "flow_prediction":
        return sample - sigma * output
    if prediction == "v_prediction":
        norm = alpha**2 + sigma**2
        return alpha * sample / norm - sigma * output / norm**0.5
    return (sample - sigma * output) / alpha


def _noise_level(noise_scheduler: Any, timestep: Any) -> tuple[torch.Tensor, torch.Tensor, bool] | None:
    """(alpha, sigma, whether the model predicts a flow) of the sample that `step` is given."""
    if hasattr(noise_scheduler, "_sigma_to_alpha_sigma_t"):
        sigma = _sigma(noise_scheduler, timestep)
        if noise_scheduler.config.prediction_type == "flow_prediction":
            return 1 - sigma, sigma, True
        return (*noise_scheduler._sigma_to_alpha_sigma_t(sigma), False)
    if hasattr(noise_scheduler, "scale_noise"):
        sigma = _sigma(noise_scheduler, timestep)
        return 1 - sigma, sigma, True
    if hasattr(noise_scheduler, "sigmas"):
        return torch.tensor(1.0), _sigma(noise_scheduler, timestep), False
    if hasattr(noise_scheduler, "alphas_cumprod"):
        kept = noise_scheduler.alphas_cumprod[int(timestep)]
        return kept**0.5, (1 - kept) ** 0.5, False
    return None


def _sigma(noise_scheduler: Any, timestep: Any) -> torch.Tensor:
    index = _index(noise_scheduler, timestep)
    if not getattr(noise_scheduler, "state_in_first_order", True):
        if hasattr(noise_scheduler, "sigmas_interpol"):
            # The ancestral one keeps its mid-points one place earlier.
            return noise_scheduler.sigmas_interpol[index - hasattr(noise_scheduler, "sigmas_down")]
        if hasattr(noise_scheduler, "mid_point_sigma"):
            return noise_scheduler.mid_point_sigma
    return noise_scheduler.sigmas[index]


def _index(noise_scheduler: Any, timestep: Any) -> int:
    for index in (noise_scheduler.step_index, noise_scheduler.begin_index):
        if index is not None:
            return index
    return noise_scheduler.index_for_timestep(timestep)


def _clip(noise_scheduler: Any, x0: torch.Tensor) -> torch.Tensor:
    if not getattr(noise_scheduler.config, "clip_sample", False):
        return x0
    limit = noise_scheduler.config.clip_sample_range
    return x0.clamp(-limit, limit)


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
        return x0 / self.gain if fits else None

    def to_vae(self, grid: torch.Tensor) -> torch.Tensor:
        """Into the VAE's own scale, 2x2 patches unfolded."""
        scale, shift = (part.to(grid.device).view(1, -1, 1, 1) for part in (self.scale, self.shift))
        if scale.shape[1] in (1, grid.shape[1]):
            return _unfold(grid * scale + shift, self.channels)
        return _unfold(grid, self.channels) * scale + shift


def _tokens_to_grid(tokens: torch.Tensor, width: int, height: int) -> torch.Tensor:
    count = tokens.shape[1]
    rows = min(_divisors(count), key=lambda rows: abs(math.log(rows * rows * width / (count * height))))
    return tokens.transpose(1, 2).unflatten(2, (rows, count // rows))


def _divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]


def _unfold(grid: torch.Tensor, channels: int) -> torch.Tensor:
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


def fit_rgb_map(vae: Any, layout: LatentLayout) -> RGBMap:
    """Fit by least squares what the VAE makes of a few synthetic pictures. Deterministic."""
    pictures = synthetic_pictures(_FIT_PICTURES, max(_FIT_SIDE, 4 * layout.factor))
    latents = torch.cat([encode_pictures(vae, picture[None]) for picture in pictures]).float().cpu()
    channels = latents.shape[1]
    upscale = max(divisor for divisor in _divisors(layout.factor) if 3 * divisor * divisor <= max(3, channels))
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
    if kept.is_file():
        stored = load_file(kept)
        return RGBMap(stored["weight"], stored["bias"], math.isqrt(len(stored["bias"]) // 3))
    begin = time.perf_counter()
    fitted = fit_rgb_map(vae, layout)
    if time.perf_counter() - begin > _WORTH_KEEPING_S:
        kept.parent.mkdir(parents=True, exist_ok=True)
        save_file({"weight": fitted.weight, "bias": fitted.bias}, kept)
    return fitted


@torch.no_grad()
def encode_pictures(vae: Any, pictures: torch.Tensor) -> torch.Tensor:
    """The VAE's own latents (n, channels, rows, columns) of pictures (n, 3, h, w) in [0, 1]; the likeliest ones."""
    parameter = next(iter(vae.parameters()), torch.zeros(1))
    inputs = (pictures * 2 - 1).to(parameter.device, parameter.dtype)
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


class Previewer:
    """Turns a lane's x0 estimates into one small mosaic; made once per model, shared by all its lanes."""

    def __init__(
        self, layout: LatentLayout | None, rgb_map: RGBMap | None, tiny_vae: Any | None = None, side: int = 256
    ) -> None:
        """`layout` None means a pixel model; `side` is a cell's longer side in pixels, at most."""
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
            latents = _unfold(grid, self._layout.channels).to(self._tiny_vae.dtype)
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
