"""What the denoiser is trained to do: x-prediction, the error weighted as if it were of flow matching's velocity."""

import torch
import torch.nn.functional as F
from torch import Tensor


def signal_to_noise(count: int, mean: float, spread: float, generator: torch.Generator) -> Tensor:
    """Alpha over sigma for each row (count,): the signal's share is logit-normal."""
    drawn = torch.randn(count, device=generator.device, generator=generator)
    share = torch.sigmoid(mean + spread * drawn)
    # Some rows of pure static: the first step of every sampler starts there.
    share[: max(1, count // 32)] = 1e-4
    return share / (1 - share)


def noised(clean: Tensor, ratio: Tensor, generator: torch.Generator) -> Tensor:
    """As `mixed`, with new static."""
    return mixed(clean, torch.randn(clean.shape, device=generator.device, generator=generator), ratio)


def mixed(clean: Tensor, noise: Tensor, ratio: Tensor) -> Tensor:
    """Variance-preserving: alpha * clean + sigma * noise, given alpha / sigma for each row."""
    alpha, sigma = ratio / (1 + ratio**2).sqrt(), 1 / (1 + ratio**2).sqrt()
    return alpha[:, None, None, None] * clean + sigma[:, None, None, None] * noise


def velocity_error(estimate: Tensor, clean: Tensor, ratio: Tensor) -> Tensor:
    """Mean over rows of |estimate - clean|^2 / (1 - t)^2 at the estimate's own size and noise; t = r / (1 + r)."""
    reduction = clean.shape[-1] // estimate.shape[-1]
    if reduction > 1:
        clean, ratio = F.avg_pool2d(clean, reduction), ratio * reduction
    error = (estimate.float() - clean).square().mean((1, 2, 3))
    return (error * ((1 + ratio) ** 2).clamp(max=400)).mean()
