"""Pictures with something on them, by which they are known again."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def painted(number: int = 0, *, size: int = 96, quality: int | None = None) -> bytes:
    """A picture with something on it, as PNG or as JPEG of that quality."""
    waves = np.random.default_rng(number).uniform(0.5, 3.0, (3, 2))
    y, x = np.mgrid[0 : 2 * np.pi : size * 1j, 0 : 2 * np.pi : size * 1j]
    shades = [127 + 120 * np.sin(a * x + number) * np.cos(b * y + number) for a, b in waves]
    buffer = io.BytesIO()
    picture = Image.fromarray(np.stack(shades, axis=-1).astype(np.uint8))
    picture.save(buffer, "PNG") if quality is None else picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
