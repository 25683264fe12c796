"""x0 estimates: the clean sample that a denoiser call predicts, for every noise scheduler of diffusers.

Formulas: Karras et al. 2022 (arXiv 2206.00364), Salimans & Ho 2022 for v (2202.00512), Lipman et al. 2022 for flow
matching (2210.02747).
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportPrivateUsage=false
# (diffusers has hardly any types, and keeps the conversion of sigmas to itself)

from __future__ import annotations

from typing import Any

import torch


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
    level = noise_level(noise_scheduler, timestep)
    return None if level is None else _clip(noise_scheduler, _solve(level, prediction, sample, model_output))


def _mean(model_output: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
    """The output without the learned variance that some denoisers append as channels."""
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


def noise_level(noise_scheduler: Any, timestep: Any) -> tuple[torch.Tensor, torch.Tensor, bool] | None:
    """(alpha, sigma, whether the model predicts a flow) of the sample that the next `step` is given."""
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
