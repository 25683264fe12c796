"""What pipelines hand a denoiser in numbers: the step and the guidance scale.

The forward process says how much picture and how much static there is at each of the 1000 steps.
"""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import torch
import torch.nn.functional as F
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from torch import Tensor

STEPS = 1000
BETA_START, BETA_END = 0.00085, 0.012
"""Stable Diffusion's scaled-linear schedule; its end is rescaled to pure static, so backgrounds obey (2305.08891)."""
GUIDANCE_EMBEDDING = 4
"""Width of diffusers' embedding of the guidance scale: sine and cosine of 1000 w and of 0.1 w, w the scale - 1."""
_SLOW_SINE, _SLOW_COSINE = 1, 3
_SLOW = 0.1


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


def levels(steps: Tensor) -> tuple[Tensor, Tensor]:
    """Alpha and sigma (B,) at fractional steps (B,): the log signal-to-noise ratio is interpolated."""
    # Tables are made here, not kept as buffers: `.to(bfloat16)` would round them to uselessness.
    table = alphas_cumprod(steps.device)
    log_ratio = 0.5 * (table.log() - torch.log1p(-table))
    lower = steps.floor().long().clamp(0, len(table) - 2)
    ratio = torch.lerp(log_ratio[lower], log_ratio[lower + 1], steps - lower).double().exp()
    sigma = 1 / (1 + ratio**2).sqrt()
    return (ratio * sigma).float(), sigma.float()


def reduced(sample: Tensor, signal_to_noise: Tensor, reduction: int) -> tuple[Tensor, Tensor]:
    """A variance-preserving sample averaged over squares of pixels, and its higher signal-to-noise ratio.

    The mean of n = reduction^2 independent noises is reduction times smaller; rescaled, it is variance preserving.
    """
    square = signal_to_noise.float() ** 2
    kept = ((square + 1 / reduction**2) / (square + 1)).sqrt().to(sample.dtype)
    return F.avg_pool2d(sample, reduction) / kept[:, None, None, None], signal_to_noise * reduction


def enlarged(sample: Tensor, multiple: int) -> Tensor:
    """A sample (B, C, H, W) with its last rows and columns repeated until its edges are multiples."""
    padding = (0, -sample.shape[3] % multiple, 0, -sample.shape[2] % multiple)
    return F.pad(sample, padding, mode="replicate") if any(padding) else sample


def excess_of(embedding: Tensor) -> Tensor:
    """By how much the guidance scale exceeds 1 (B,), from its embedding (B, 4); right for scales of 0 to 32."""
    return torch.atan2(embedding[:, _SLOW_SINE].float(), embedding[:, _SLOW_COSINE].float()) / _SLOW
