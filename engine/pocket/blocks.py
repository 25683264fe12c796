"""The denoiser's two kinds of block: convolutions where the eye looks, attention where the plan is made."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FREQUENCIES = 64
"""Of the features that tell noise levels apart."""


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a skip, scaled and shifted by the condition (FiLM, arXiv 1709.07871)."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(8, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = nn.Linear(condition, 2 * channels)
        self.norm2 = nn.GroupNorm(8, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(B, C, H, W), (B, D) -> (B, C, H, W)."""
        scale, shift = self.film(condition)[:, :, None, None].chunk(2, dim=1)
        hidden = self.conv1(F.silu(self.norm1(x)))
        hidden = self.norm2(hidden) * (1 + scale) + shift
        return x + self.conv2(F.silu(hidden))


class Sketch(NamedTuple):
    """Clean colours (B, 3, h, w), features (B, F, h, w) and condition (B, D)."""

    colours: Tensor
    features: Tensor
    condition: Tensor


class Refiner(nn.Module):
    """Turns a small sketch into the full picture: what little the large noisy sample says more is put in.

    Works on `reduction` x `reduction` pixels at a time, so it costs as much as a network of the small size.
    """

    def __init__(self, reduction: int, in_channels: int, features: int, channels: int, condition: int) -> None:
        super().__init__()
        self.reduction = reduction
        self.conv_in = nn.Conv2d(in_channels * reduction**2 + 3 + features, channels, 3, padding=1)
        self.blocks = nn.ModuleList(ResidualBlock(channels, condition) for _ in range(3))
        self.conv_out = nn.Conv2d(channels, 3 * reduction**2, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)

    def forward(
        self, sample: Tensor, sketch: Tensor, features: Tensor, condition: Tensor, hint: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Sample (B, C, H, W), sketch (B, 3, h, w), its features (B, F, h, w), condition (B, D).

        Returns the picture (B, 3, H, W) and the last features (B, channels, h, w).
        """
        hidden = self.conv_in(torch.cat((F.pixel_unshuffle(sample, self.reduction), sketch, features), dim=1))
        hidden = hidden if hint is None else hidden + hint
        for block in self.blocks:
            hidden = block(hidden, condition)
        detail = F.pixel_shuffle(self.conv_out(hidden), self.reduction)
        return F.interpolate(sketch, scale_factor=self.reduction, mode="bilinear") + detail, hidden


class JointBlock(nn.Module):
    """One transformer block over picture and text tokens together (in-context conditioning).

    Pre-norm attention with normalised queries and keys, a SwiGLU, and PixArt's shared modulation
    (arXiv 2310.00426): one vector for all blocks, to which each adds its own learned offset.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        inner = 8 * width // 3 // 64 * 64
        self.modulation = nn.Parameter(torch.randn(6, width) / width**0.5)
        self.norm1 = nn.RMSNorm(width, elementwise_affine=False, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.query_norm = nn.RMSNorm(width // heads, eps=1e-6)
        self.key_norm = nn.RMSNorm(width // heads, eps=1e-6)
        self.out = nn.Linear(width, width, bias=False)
        self.norm2 = nn.RMSNorm(width, elementwise_affine=False, eps=1e-6)
        self.gate_up = nn.Linear(width, 2 * inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor, shared: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """Tokens (B, N, D), shared modulation (B, 6, D), rotary cos and sin (N, D/heads), key mask (B, 1, 1, N)."""
        shift1, scale1, gate1, shift2, scale2, gate2 = (shared + self.modulation).unsqueeze(2).unbind(1)
        x = x + gate1 * self._attend(self.norm1(x) * (1 + scale1) + shift1, rotation, mask)
        gate, up = self.gate_up(self.norm2(x) * (1 + scale2) + shift2).chunk(2, dim=-1)
        return x + gate2 * self.down(F.silu(gate) * up)

    def _attend(self, x: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        batch, count, width = x.shape
        qkv = self.qkv(x).view(batch, count, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        # Queries and keys at once: at this size it is the number of operations that takes time.
        gains = torch.stack((self.query_norm.weight, self.key_norm.weight))[:, None, None, None]
        norms = F.rms_norm(qkv[:2], (width // self.heads,), eps=self.query_norm.eps) * gains
        q, k = rotate(norms, rotation).to(qkv).unbind()
        mixed = F.scaled_dot_product_attention(q, k, qkv[2], attn_mask=mask)
        return self.out(mixed.transpose(1, 2).reshape(batch, count, width))


def rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Turn channel pairs (i, i + half) by their angles (RoPE, arXiv 2104.09864)."""
    cos, sin = rotation
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def axial_rotation(rows: int, columns: int, text: int, head: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cos and sin (rows*columns + text, head/2): half the pairs turn with the row, half with the column.

    Places are measured on a grid of 8 whatever the resolution, so that what a small picture taught holds
    in a large one. Text tokens stay unturned: their order is already in the encoder's states.
    """
    frequencies = 100.0 ** -(torch.arange(head // 4, device=device) / (head // 4))
    down = _places(rows, device).repeat_interleave(columns)
    across = _places(columns, device).repeat(rows)
    angles = torch.cat((down[:, None] * frequencies, across[:, None] * frequencies), dim=-1)
    angles = F.pad(angles, (0, 0, 0, text))
    return angles.cos(), angles.sin()


def _places(count: int, device: torch.device) -> Tensor:
    return (torch.arange(count, device=device) + 0.5) * (8 / count) - 0.5


def level_features(signal_to_noise: Tensor) -> Tensor:
    """Sines and cosines (B, 2 * FREQUENCIES) of noise levels, given alpha / sigma (B,)."""
    level = torch.atan(signal_to_noise.float()) * (2 / math.pi)
    angles = level[:, None] * (torch.logspace(0, 3, FREQUENCIES, device=level.device) * math.pi / 16)
    return torch.cat((angles.cos(), angles.sin()), dim=-1)
