"""A picture is known again after what people do to files, and no other is taken for it."""

from __future__ import annotations

import io
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from bot.domain.jobs.fingerprint import MOST_BITS, Fingerprint, fingerprint
from tests.bot.scripted import png


def scene(number: int, size: int = 128) -> Image.Image:
    """Soft blobs on a ground of another colour, as models draw them; each number another one."""
    dice = np.random.default_rng(number)
    y, x = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j]
    canvas = np.ones((size, size, 3)) * dice.uniform(40, 215, 3)
    for _ in range(6):
        (left, top), radius = dice.uniform(0, 1, 2), dice.uniform(0.08, 0.35)
        inside = 1 / (1 + np.exp((np.hypot(x - left, y - top) - radius) * 60))
        canvas += inside[..., None] * (dice.uniform(0, 255, 3) - canvas)
    return Image.fromarray(canvas.clip(0, 255).astype(np.uint8))


def encoded(picture: Image.Image, kind: str = "PNG", **how: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **how)
    return buffer.getvalue()


CHANGES = {
    "as JPEG of quality 50": lambda one: encoded(one, "JPEG", quality=50),
    "as WebP of quality 40": lambda one: encoded(one, "WEBP", quality=40),
    "half as large": lambda one: encoded(one.resize((64, 64), Image.Resampling.BILINEAR)),
    "twice as large, as JPEG": lambda one: encoded(one.resize((256, 256)), "JPEG", quality=70),
    "lighter": lambda one: encoded(one.point(lambda shade: min(255, shade + 20))),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_only_stored_otherwise_is_known_again(change: str) -> None:
    for number in range(8):
        one = scene(number)
        before = Fingerprint.parse(fingerprint(encoded(one)))
        after = Fingerprint.parse(fingerprint(CHANGES[change](one)))
        assert before.is_like(after.bits) and set(enumerate(before.bands)) & set(enumerate(after.bands)), number


def test_no_other_picture_is_taken_for_it() -> None:
    taken = [Fingerprint.parse(fingerprint(encoded(scene(number)))) for number in range(24)]
    assert min(one.distance(other.bits) for one, other in combinations(taken, 2)) > MOST_BITS


def test_a_picture_of_nothing_has_no_fingerprint() -> None:
    assert fingerprint(png("red")) == "" == fingerprint(png("green"))
