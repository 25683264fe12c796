"""Takes the fingerprint of a picture. Decoding blocks: call it in a thread or an executor."""

from __future__ import annotations

import numpy as np
from PIL import Image

from bot.domain.jobs.fingerprint import COARSE, FINE, Fingerprint
from engine import open_picture

LEAST_CONTRAST = 4.0
"""Standard deviation of the small grey copy, 0 to 127: what shows less is not told from other plain pictures."""

LEAST_STEP = 4
"""Shades, 0 to 255: a smaller step between neighbours is what compression leaves on a plain ground."""


def fingerprint(picture: bytes) -> str:
    """The fingerprint as text; "" for a picture that shows too little."""
    grey = open_picture(picture).convert("RGB").convert("L")
    if float(np.asarray(grey.resize((FINE, FINE), Image.Resampling.BOX), dtype=np.float32).std()) < LEAST_CONTRAST:
        return ""
    return str(Fingerprint(_differences(grey, COARSE), _differences(grey, FINE)))


def _differences(grey: Image.Image, side: int) -> str:
    """Whether each pixel's right neighbour is clearly brighter, `side` x `side` bits, as hexadecimal digits."""
    small = np.asarray(grey.resize((side + 1, side), Image.Resampling.LANCZOS), dtype=np.int16)
    return np.packbits(small[:, 1:] - small[:, :-1] > LEAST_STEP).tobytes().hex()
