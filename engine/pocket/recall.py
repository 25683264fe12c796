"""How the denoiser looks at drawings it remembers: they are recoloured, mixed, and drawn into what it sees.

Retrieval-augmented diffusion (arXiv 2204.11824) hands a small network its nearest neighbours; there they are
embeddings, here pictures, which a network this small can use much better.
"""

# torch leaves many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.pocket.boxes import SIZE

CHANNELS = 4
"""Red, green, blue, premultiplied with the fourth, opacity; each in [0, 1]."""

_COLOURS = 3


def rows_of(drawings: int, width: int) -> int:
    """How many token states of `width` numbers hold `drawings` pictures and what is known of them."""
    return drawings * CHANNELS * SIZE**2 // width + 1


def packed(drawings: Tensor, alone: Tensor, mirrorable: Tensor, width: int) -> Tensor:
    """Drawings (B, N, 4, 64, 64) as token states (B, R, `width`).

    Behind them, in a row of its own, whether there is one thing only, and whether it may be mirrored, (B,) each.
    """
    flags = F.pad(torch.stack((alone, mirrorable), dim=1).to(drawings)[:, None], (0, width - 2))
    return torch.cat((drawings.reshape(len(drawings), -1, width), flags), dim=1)


def unpacked(states: Tensor, drawings: int) -> tuple[Tensor, Tensor, Tensor]:
    """The inverse of `packed`, the drawings as channels (B, 4 N, 64, 64)."""
    pictures = states[:, :-1].reshape(len(states), drawings * CHANNELS, SIZE, SIZE)
    alone, mirrorable = (states[:, -1, :2] > 0.5).unbind(1)
    return pictures, alone, mirrorable


def fitted(drawings: Tensor, height: int, width: int) -> Tensor:
    """Drawings (B, C, 64, 64) as large as a picture of that size lets them be, in its middle."""
    edge = min(height, width)
    if edge != SIZE:
        drawings = F.interpolate(drawings, size=(edge, edge), mode="bilinear", antialias=True)
    down, right = height - edge, width - edge
    around = (right // 2, right - right // 2, down // 2, down - down // 2)
    return F.pad(drawings, around) if down or right else drawings


class Recall(nn.Module):
    """What the sketch and the refiner do with `drawings` remembered pictures; silent until it has learned something.

    Args:
        drawings: How many pictures, one for each style.
        patch: Pixels per patch edge of the sketch.
        channels: Width of the sketch's convolutions.
        features: Channels of the sketch at full size.
        refined: Width of the refiner, 0 where there is none.
        reduction: How much smaller the sketch is.
    """

    def __init__(self, drawings: int, patch: int, channels: int, features: int, refined: int, reduction: int) -> None:
        super().__init__()
        self.drawings, self._patch, self._reduction = drawings, patch, reduction
        inputs, mixing = drawings * CHANNELS, drawings * CHANNELS * _COLOURS
        self.patch_in = nn.Conv2d(inputs * patch**2, channels, 3, padding=1)
        self.finish = nn.Conv2d(inputs, features, 3, padding=1)
        self.mixture = nn.Conv2d(channels, mixing, 1)
        quiet: list[nn.Linear | nn.Conv2d] = [self.patch_in, self.finish, self.mixture]
        if refined:
            self.refine = nn.Conv2d(inputs * reduction**2, refined, 3, padding=1)
            self.detail = nn.Conv2d(refined, mixing, 3, padding=1)
            quiet += [self.refine, self.detail]
        for parameter in (each for layer in quiet for each in layer.parameters()):
            nn.init.zeros_(parameter)

    def patches(self, drawings: Tensor) -> Tensor:
        """Placed drawings (B, C, h, w) at the sketch's size -> (B, channels, h/patch, w/patch)."""
        return self.patch_in(F.pixel_unshuffle(drawings, self._patch).to(memory_format=torch.channels_last))

    def sketched(self, hidden: Tensor, drawings: Tensor) -> Tensor:
        """Colours (B, 3, h, w) of placed drawings (B, C, h, w), by patch features (B, channels, h/patch, w/patch)."""
        weights = F.interpolate(self.mixture(hidden), size=drawings.shape[2:], mode="bilinear")
        return _mixed(weights, drawings)

    def detailed(self, hidden: Tensor, drawings: Tensor) -> Tensor:
        """Sharp colours (B, 3, H, W) of placed drawings (B, C, H, W), by the refiner's last features."""
        soft = F.interpolate(F.avg_pool2d(drawings, self._reduction), size=drawings.shape[2:], mode="bilinear")
        weights = F.interpolate(self.detail(hidden), size=drawings.shape[2:], mode="nearest")
        return _mixed(weights, drawings - soft)

    def refined(self, drawings: Tensor) -> Tensor:
        """What the refiner is told of placed drawings (B, C, H, W): (B, refined, H/reduction, W/reduction)."""
        return self.refine(F.pixel_unshuffle(drawings, self._reduction).to(memory_format=torch.channels_last))


def _mixed(weights: Tensor, drawings: Tensor) -> Tensor:
    """A linear map of all channels (B, C, H, W) at each place, weights (B, 3 C, H, W), to colours (B, 3, H, W)."""
    return (weights.unflatten(1, (_COLOURS, -1)) * drawings[:, None]).sum(2)
