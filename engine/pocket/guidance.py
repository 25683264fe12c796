"""The guidance scale as diffusers embeds it for a denoiser with `time_cond_proj_dim`."""

# torch leaves many types open
# pyright: reportUnknownMemberType=false

import torch
from torch import Tensor

GUIDANCE_EMBEDDING = 4
"""Width of diffusers' embedding of the guidance scale: sine and cosine of 1000 w and of 0.1 w, w the scale - 1."""
_SLOW_SINE, _SLOW_COSINE = 1, 3
_SLOW = 0.1


def excess_of(embedding: Tensor) -> Tensor:
    """By how much the guidance scale exceeds 1 (B,), from its embedding (B, 4); right for scales of 0 to 32."""
    return torch.atan2(embedding[:, _SLOW_SINE].float(), embedding[:, _SLOW_COSINE].float()) / _SLOW
