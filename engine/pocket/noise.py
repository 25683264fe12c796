"""The forward process: how much picture and how much static there is at each of the 1000 steps."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import torch
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from torch import Tensor

STEPS = 1000
BETA_START, BETA_END = 0.00085, 0.012
"""Stable Diffusion's scaled-linear schedule; its end is rescaled to pure static, so backgrounds obey (2305.08891)."""


def noise_scheduler() -> DPMSolverMultistepScheduler:
    """The sampler shipped with the weights; any other diffusers class takes its config."""
    return DPMSolverMultistepScheduler(
        num_train_timesteps=STEPS,
        beta_schedule="scaled_linear",
        beta_start=BETA_START,
        beta_end=BETA_END,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        steps_offset=1,
        algorithm_type="dpmsolver++",
        solver_order=2,
    )


def alphas_cumprod(device: torch.device | None = None) -> Tensor:
    """Squared signal share per step (1000,) float32; the last is 2**-24 instead of 0, as diffusers samplers set it."""
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, STEPS, dtype=torch.float32, device=device) ** 2
    shares = torch.cumprod(1.0 - rescale_zero_terminal_snr(betas), dim=0)
    shares[-1] = 2**-24
    return shares
