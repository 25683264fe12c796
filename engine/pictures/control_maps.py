"""From a picture to what a control network is to see of it: edges and rough lines. Torch-free.

White lines on black, as ControlNets and T2I-Adapters are trained.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grey = NDArray[np.uint8]
LOW, HIGH = 100, 200
"""Canny's thresholds, those that edge networks are trained with."""
_EXTREME = 32
"""Values so near to black or white are taken for paper or ink."""
_DRAWN = 0.85
"""From this share of such values on, a picture is taken for a drawing in lines."""
_REACH = 192
"""Shorter side in pixels for each pixel of a rough line's radius."""


def edges(picture: Image.Image) -> Image.Image:
    """Thin outlines, by Canny's detector: mode "L", 0 or 255."""
    return Image.fromarray(cv2.Canny(_grey(picture), LOW, HIGH))


def scribble(picture: Image.Image) -> Image.Image:
    """Rough lines: those of a drawing on paper, else the thick outlines of a blurred picture."""
    grey = _grey(picture)
    lines = _ink(grey)
    if lines is None:
        sigma = max(1.0, min(grey.shape) / _REACH)
        lines = cv2.Canny(cv2.GaussianBlur(grey, (0, 0), sigma), LOW / 2, HIGH / 2)
    width = 1 + 2 * round(min(grey.shape) / _REACH / 2)
    return Image.fromarray(cv2.dilate(lines, np.ones((width, width), np.uint8)).astype(np.uint8))


def is_empty(lines: Image.Image) -> bool:
    """Whether a map of lines shows nothing."""
    return lines.getbbox() is None


def _ink(grey: Grey) -> Grey | None:
    """The lines of a drawing as 255, whether it is dark on light or light on dark; None for other pictures."""
    dark, light = grey < _EXTREME, grey > 255 - _EXTREME
    rarer, other = (dark, light) if dark.sum() < light.sum() else (light, dark)
    if (dark | light).mean() < _DRAWN or rarer.mean() > (1 - _DRAWN) * 2 or not rarer.any() or not other.any():
        return None
    return np.where(grey < 128 if rarer is dark else grey >= 128, 255, 0).astype(np.uint8)


def _grey(picture: Image.Image) -> Grey:
    return np.asarray(picture.convert("L"), dtype=np.uint8)
