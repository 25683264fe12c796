"""x0 estimates: the clean sample that a denoiser call predicts, for every noise scheduler of diffusers.

Formulas: Karras et al. 2022 (arXiv 2206.00364), Salimans & Ho 2022 for v (2202.00512), Lipman et al. 2022 for flow
matching (2210.02747).
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportPrivateUsage=false
# (diffusers has hardly any types, and keeps the conversion of sigmas to itself)

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch


def predict_x0(
    noise_scheduler: Any, model_output: torch.Tensor, sample: torch.Tensor, timestep: Any
) -> torch.Tensor | None:
    """The clean sample that this denoiser call points to, in float32; None where the noise scheduler has no such thing.

    Call it before `noise_scheduler.step`, with the same arguments. Dynamic thresholding is left out.
    """
    sample, model_output = sample.float(), without_variance(model_output, sample).float()
    weights = x0_weights(noise_scheduler, timestep)
    if weights is None:
        return None
    return _clip(noise_scheduler, _weighted(weights, sample, model_output))


def _weighted(weights: X0Weights, sample: torch.Tensor, model_output: torch.Tensor) -> torch.Tensor:
    if not weights.sample:
        return model_output * weights.output
    # Added first, as both products are large where there is much noise, and nearly cancel out.
    return torch.add(sample, model_output, alpha=weights.output / weights.sample).mul_(weights.sample)


def without_variance(model_output: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
    """The output without the learned variance that some denoisers append as channels."""
    doubled = sample.ndim > 2 and model_output.shape[1] == 2 * sample.shape[1] and sample.ndim != 3
    return model_output[:, : sample.shape[1]] if doubled else model_output


class X0Weights(NamedTuple):
    """An x0 estimate before it is clipped is `sample * weights.sample + model_output * weights.output`."""

    sample: float
    output: float


def x0_weights(noise_scheduler: Any, timestep: Any) -> X0Weights | None:
    """Those of the sample that the next `step` is given; None where the noise scheduler has no such thing."""
    prediction = prediction_of(noise_scheduler)
    if prediction == "trigflow":
        angle = float(noise_scheduler.timesteps[_index(noise_scheduler, timestep)])
        return X0Weights(math.cos(angle), -math.sin(angle))
    if prediction == "sample":
        return X0Weights(0.0, 1.0)
    level = noise_level(noise_scheduler, timestep)
    return None if level is None else level.x0_weights(prediction)


def prediction_of(noise_scheduler: Any) -> str:
    """What the denoiser predicts, as the noise scheduler's `prediction_type` says."""
    return getattr(noise_scheduler.config, "prediction_type", "flow_prediction")


class NoiseLevel(NamedTuple):
    """A sample is `alpha * x0 + sigma * noise`."""

    alpha: float
    sigma: float
    is_flow: bool = False
    """Whether the denoiser predicts a flow, noise - x0, unless the noise scheduler says otherwise."""
    preconditioned: X0Weights | None = None
    """Where the noise scheduler has weights of its own (Karras et al. 2022, table 1)."""

    def x0_weights(self, prediction: str) -> X0Weights:
        """For a denoiser of this `prediction_type`."""
        alpha, sigma = self.alpha, self.sigma
        if prediction == "sample":
            return X0Weights(0.0, 1.0)
        if self.preconditioned is not None:
            return self.preconditioned
        if self.is_flow or prediction == "flow_prediction":
            return X0Weights(1.0, -sigma)
        if prediction == "v_prediction":
            norm = alpha**2 + sigma**2
            return X0Weights(alpha / norm, -sigma / norm**0.5)
        return X0Weights(1 / alpha, -sigma / alpha)


def noise_level(noise_scheduler: Any, timestep: Any) -> NoiseLevel | None:
    """That of the sample that the next `step` is given; None where the noise scheduler has no such thing."""
    if hasattr(noise_scheduler, "sigmas"):
        return _of_sigmas(noise_scheduler, torch.as_tensor(_sigma(noise_scheduler, timestep)).reshape(1))[0]
    if hasattr(noise_scheduler, "alphas_cumprod"):
        return _of_kept(float(noise_scheduler.alphas_cumprod[int(timestep)]))
    return None


def noise_levels(noise_scheduler: Any) -> list[NoiseLevel]:
    """Those of all timesteps; empty where the noise scheduler has no such thing."""
    timesteps = noise_scheduler.timesteps
    if hasattr(noise_scheduler, "sigmas"):
        return _of_sigmas(noise_scheduler, noise_scheduler.sigmas[: len(timesteps)])
    if hasattr(noise_scheduler, "alphas_cumprod"):
        return [_of_kept(kept) for kept in noise_scheduler.alphas_cumprod[timesteps.long().cpu()].tolist()]
    return []


def _of_sigmas(noise_scheduler: Any, sigmas: torch.Tensor) -> list[NoiseLevel]:
    """`sigmas` is of shape (timesteps,)."""
    if hasattr(noise_scheduler, "precondition_outputs"):
        ones, zeros = torch.ones_like(sigmas), torch.zeros_like(sigmas)
        of_sample = noise_scheduler.precondition_outputs(ones, zeros, sigmas).tolist()
        of_output = noise_scheduler.precondition_outputs(zeros, ones, sigmas).tolist()
        weights = map(X0Weights, of_sample, of_output)
        return [NoiseLevel(1.0, sigma, False, each) for sigma, each in zip(sigmas.tolist(), weights, strict=True)]
    can_scale = hasattr(noise_scheduler, "_sigma_to_alpha_sigma_t")
    if can_scale and prediction_of(noise_scheduler) != "flow_prediction":
        alphas, scaled = noise_scheduler._sigma_to_alpha_sigma_t(sigmas)
        return [NoiseLevel(*each) for each in zip(alphas.tolist(), scaled.tolist(), strict=True)]
    if can_scale or hasattr(noise_scheduler, "scale_noise"):
        return [NoiseLevel(1 - sigma, sigma, True) for sigma in sigmas.tolist()]
    return [NoiseLevel(1.0, sigma) for sigma in sigmas.tolist()]


def _of_kept(kept: float) -> NoiseLevel:
    return NoiseLevel(kept**0.5, (1 - kept) ** 0.5)


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
    for index in (noise_scheduler.step_index, getattr(noise_scheduler, "begin_index", None)):
        if index is not None:
            return index
    if not hasattr(noise_scheduler, "index_for_timestep"):  # DPM++'s inverse
        return int((noise_scheduler.timesteps == timestep).nonzero()[0])
    return noise_scheduler.index_for_timestep(timestep)


def _clip(noise_scheduler: Any, x0: torch.Tensor) -> torch.Tensor:
    if not getattr(noise_scheduler.config, "clip_sample", False):
        return x0
    limit = noise_scheduler.config.clip_sample_range
    return x0.clamp(-limit, limit)
