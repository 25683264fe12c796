"""Joins a kept picture with the parts drawn around it, without a seam."""

from __future__ import annotations

import numpy as np
from PIL import Image

from engine.operations.pixels import Pixels

FEATHER = 0.12
"""The share of a picture's shorter side over which it fades into what is drawn around it."""
MAX_TONE_GAP = 0.3
"""Larger differences are another content, not another tone, and are not corrected."""


def join(under: Pixels, over: Pixels, kept: Pixels, *, is_other: bool = False) -> Pixels:
    """`under` fading into `over`, whose tone is first bent towards the picture's where they meet.

    `kept` (height, width) says how much of `under` each pixel keeps; where that is 1 it keeps its value to the bit.
    `is_other`: `over` shows something else, whose colours are its own and are not bent.
    """
    bent = over if is_other else (over + _tone_gap(under, over, kept)).clip(0, 1)
    return under + (1 - kept[..., None]) * (bent - under)


def _tone_gap(under: Pixels, over: Pixels, kept: Pixels) -> Pixels:
    """How much lighter or redder the picture is than what was drawn in the fading band, continued over the canvas."""
    height, width = kept.shape
    cell = max(2.0, FEATHER / 2 * min(height, width))
    small = (max(1, round(width / cell)), max(1, round(height / cell)))
    band = (4 * kept * (1 - kept))[..., None]
    gap = _continued(_resampled(band * (under - over), small), _resampled(band, small))
    return _resampled(gap.clip(-MAX_TONE_GAP, MAX_TONE_GAP), (width, height), Image.Resampling.BICUBIC)


def _continued(known: Pixels, weight: Pixels) -> Pixels:
    """Weighted values spread smoothly to where there is no weight: down a pyramid of halves and up again."""
    height, width = weight.shape[:2]
    if width * height == 1:
        return known / np.maximum(weight, 1e-6)
    half = ((width + 1) // 2, (height + 1) // 2)
    coarse = _continued(_resampled(known, half), _resampled(weight, half))
    return known + (1 - weight) * _resampled(coarse, (width, height), Image.Resampling.BILINEAR)


def _resampled(pixels: Pixels, size: tuple[int, int], how: Image.Resampling = Image.Resampling.BOX) -> Pixels:
    """Any floats at another (width, height), channel by channel."""
    channels = (Image.fromarray(pixels[..., channel].astype(np.float32)) for channel in range(pixels.shape[2]))
    return np.stack([np.asarray(channel.resize(size, how)) for channel in channels], axis=2)
