"""Colour words and what they look like; recolouring single-hue art on whatever device it lies."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from dataclasses import dataclass

import torch
from torch import Tensor

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.0, 0.85, 0.88),
    "orange": (27.0, 0.88, 0.95),
    "yellow": (50.0, 0.82, 0.97),
    "green": (125.0, 0.70, 0.68),
    "blue": (213.0, 0.80, 0.88),
    "purple": (275.0, 0.62, 0.75),
    "pink": (332.0, 0.48, 0.96),
    "brown": (24.0, 0.62, 0.50),
    "black": (0.0, 0.03, 0.20),
    "white": (0.0, 0.03, 0.95),
    "grey": (0.0, 0.03, 0.60),
}
"""Colour word -> hue in degrees, saturation, value."""

VIVID = 0.25
"""Pixels less saturated than this (outlines, eyes, highlights) keep their colour."""

_NEIGHBOURHOOD = 40.0
"""Pixels within this many degrees of the main hue belong to the coloured part."""

_ENOUGH = 0.4
"""Art can be recoloured when this share of its opaque pixels is the coloured part."""


@dataclass(frozen=True)
class MainColour:
    """Per drawing (N,): main hue in degrees, its median saturation and value, and how much of it has that hue."""

    hue: Tensor
    saturation: Tensor
    value: Tensor
    share: Tensor

    @staticmethod
    def of(pixels: Tensor, vivid: float = VIVID) -> "MainColour":
        """Measure drawings (N, 4, H, W), straight alpha in [0, 1]: the mean of their colours."""
        hue, saturation, _ = hsv(pixels[:, :3]).unbind(1)
        coloured = (pixels[:, 3] > 0.5) & (saturation > vivid)
        angle, weight = torch.deg2rad(hue), coloured.float() * saturation
        x, y = ((weight * f(angle)).sum((1, 2)) for f in (torch.cos, torch.sin))
        return MainColour._near(torch.rad2deg(torch.atan2(y, x)) % 360, pixels, vivid)

    @staticmethod
    def commonest(pixels: Tensor, vivid: float = VIVID) -> "MainColour":
        """As `of`, for drawings of several colours: the one that covers most."""
        hue, saturation, _ = hsv(pixels[:, :3]).unbind(1)
        weight = ((pixels[:, 3] > 0.5) & (saturation > vivid)).float() * saturation
        tried = torch.arange(0.0, 360.0, 10.0, device=hue.device)
        near = _apart(hue[:, None], tried[None, :, None, None]) < _NEIGHBOURHOOD
        best = tried[(near * weight[:, None]).sum((2, 3)).argmax(1)]
        aside = (hue - best[:, None, None] + 180) % 360 - 180
        weight = weight * (aside.abs() < _NEIGHBOURHOOD)
        middle = best + (weight * aside).sum((1, 2)) / weight.sum((1, 2)).clamp(min=1e-6)
        return MainColour._near(middle % 360, pixels, vivid)

    @staticmethod
    def _near(main: Tensor, pixels: Tensor, vivid: float) -> "MainColour":
        hue, saturation, value = hsv(pixels[:, :3]).unbind(1)
        opaque = pixels[:, 3] > 0.5
        part = opaque & (saturation > vivid) & (_apart(hue, main[:, None, None]) < _NEIGHBOURHOOD)
        count = part.sum((1, 2)).clamp(min=1)
        means = [(part * channel).sum((1, 2)) / count for channel in (saturation, value)]
        return MainColour(main, means[0], means[1], part.sum((1, 2)) / opaque.sum((1, 2)).clamp(min=1))

    @property
    def recolourable(self) -> Tensor:
        """Whether each drawing (N,) is of one colour mainly, so that it can have another one."""
        return self.share > _ENOUGH

    def __getitem__(self, index: Tensor) -> "MainColour":
        return MainColour(self.hue[index], self.saturation[index], self.value[index], self.share[index])

    def word(self, index: int) -> str:
        """The colour word nearest to drawing `index`."""
        hue, saturation, value = (float(each[index]) for each in (self.hue, self.saturation, self.value))

        def distance(word: str) -> float:
            h, s, v = COLOURS[word]
            turn = abs((hue - h + 180) % 360 - 180) / 180
            return 4 * turn * min(s, saturation) + abs(s - saturation) + abs(v - value)

        return min(COLOURS, key=distance)


def recolour(pixels: Tensor, main: MainColour, target: Tensor, vivid: float = VIVID) -> Tensor:
    """Drawings (N, 4, H, W) with the coloured part moved to `target` (N, 3) hue, saturation, value."""
    hue, saturation, value = hsv(pixels[:, :3]).unbind(1)
    part = (saturation > vivid * 0.6) & (_apart(hue, main.hue[:, None, None]) < _NEIGHBOURHOOD)
    new_hue, new_saturation, new_value = (each[:, None, None] for each in target.unbind(1))
    moved = torch.stack(
        (
            (hue - main.hue[:, None, None] + new_hue) % 360,
            (saturation * new_saturation / main.saturation[:, None, None].clamp(min=0.1)).clamp(0, 1),
            (value * new_value / main.value[:, None, None].clamp(min=0.1)).clamp(0, 1),
        ),
        dim=1,
    )
    return torch.cat((torch.where(part[:, None], rgb(moved), pixels[:, :3]), pixels[:, 3:]), dim=1)


def hsv(colours: Tensor) -> Tensor:
    """RGB (N, 3, ...) in [0, 1] -> hue in degrees, saturation, value."""
    value, largest = colours.max(1)
    chroma = value - colours.amin(1)
    red, green, blue = colours.unbind(1)
    safe = chroma.clamp(min=1e-6)
    sector = torch.stack(((green - blue) / safe, (blue - red) / safe + 2, (red - green) / safe + 4), dim=1)
    hue = 60 * sector.gather(1, largest.unsqueeze(1)).squeeze(1) % 360
    return torch.stack((hue, chroma / value.clamp(min=1e-6), value), dim=1)


def rgb(colours: Tensor) -> Tensor:
    """Hue in degrees, saturation, value (N, 3, ...) -> RGB in [0, 1]."""
    hue, saturation, value = colours.unbind(1)
    channels = []
    for offset in (5, 3, 1):
        k = (offset + hue / 60) % 6
        channels.append(value - value * saturation * torch.minimum(k, 4 - k).clamp(0, 1))
    return torch.stack(channels, dim=1)


def _apart(hue: Tensor, other: Tensor) -> Tensor:
    return ((hue - other + 180) % 360 - 180).abs()
