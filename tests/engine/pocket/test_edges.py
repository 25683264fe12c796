"""The shipped control adapter: `pocket` draws things where a picture has them, with nothing set up."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from engine.errors import InvalidRequest
from engine.pictures.images import encode_png
from engine.pocket.edits import small
from engine.pocket.hints import Hints
from engine.pocket.outlines import KEPT
from engine.pocket.outlining import ink, overlap
from engine.requests import Control, ImageRequest
from tests.engine.local_worker import PocketWorker

FISH = (("ellipse", (40, 80, 180, 190)), ("polygon", ((160, 135), (230, 80), (230, 190))))
HOUSE = (("rectangle", (70, 120, 190, 220)), ("polygon", ((50, 120), (210, 120), (130, 40))))
SHAPES = (
    ("red apple, flat", (("ellipse", (40, 50, 210, 220)),)),
    ("pizza, 3d", (("polygon", ((40, 60), (220, 80), (150, 230))),)),
    ("octopus, 3d", FISH),
    ("cat face, 3d", HOUSE),
)
"""Words, and shapes that the model would not draw for them, in pixels of 256 x 256."""


@pytest.fixture(scope="module")
def pocket() -> PocketWorker:
    return PocketWorker()


def shape(parts: tuple[tuple[str, object], ...]) -> bytes:
    canvas = Image.new("RGB", (256, 256), "white")
    for kind, where in parts:
        getattr(ImageDraw.Draw(canvas), kind)(where, fill="teal")
    return encode_png(canvas)


def outline(png: bytes) -> torch.Tensor:
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=np.float32) / 127.5 - 1
    return ink(small(torch.from_numpy(pixels).permute(2, 0, 1)[None]))[0]


def test_it_keeps_to_outlines_that_it_would_not_draw(pocket: PocketWorker) -> None:
    given = [shape(parts) for _, parts in SHAPES]
    asked = [ImageRequest(prompt=words, seed=3, num_images=2) for words, _ in SHAPES]
    held = [
        ImageRequest(prompt=words, seed=3, num_images=2, control=Control(image=png))
        for (words, _), png in zip(SHAPES, given, strict=True)
    ]
    shares: list[list[float]] = [[], []]
    for column, requests in enumerate((held, asked)):
        for messages, png in zip(pocket.run(*requests), given, strict=True):
            shares[column] += [overlap(outline(png), outline(each.png)) for each in messages[-1].finished.images]
    assert sum(share >= KEPT for share in shares[0]) >= 7, shares
    assert sum(share >= KEPT for share in shares[1]) <= 1, shares


def test_strength_says_how_closely(pocket: PocketWorker) -> None:
    words, parts = SHAPES[1]
    png = shape(parts)
    shares = [
        overlap(outline(png), outline(pocket.finish(request).images[0].png))
        for strength in (0.0, 0.3, 1.3)
        for request in [ImageRequest(prompt=words, seed=3, num_images=1, control=Control(image=png, strength=strength))]
    ]
    assert shares[0] < shares[1] < shares[2], shares
    plain = pocket.finish(ImageRequest(prompt=words, seed=3, num_images=1)).images[0].png
    assert shares[0] == pytest.approx(overlap(outline(png), outline(plain)), abs=0.02), "a strength of 0 is no control"


def test_a_negative_prompt_keeps_to_outlines_too(pocket: PocketWorker) -> None:
    words, parts = SHAPES[2]
    png = shape(parts)
    request = ImageRequest(prompt=words, negative_prompt="grass", seed=3, num_images=1, control=Control(image=png))
    assert overlap(outline(png), outline(pocket.finish(request).images[0].png)) >= KEPT


def test_what_it_was_not_made_for_is_refused(pocket: PocketWorker) -> None:
    png = shape(FISH)
    refused = pocket.refuse(ImageRequest(prompt="an apple", control=Control(image=png, type="pose")))
    assert isinstance(refused, InvalidRequest) and "pocket does not follow pose; choose edges" in refused.why
    blank = encode_png(Image.new("RGB", (64, 64), "white"))
    refused = pocket.refuse(ImageRequest(prompt="an apple", control=Control(image=blank)))
    assert isinstance(refused, InvalidRequest) and "no outlines" in refused.why


def test_rows_for_guidance_are_told_nothing() -> None:
    states = [torch.randn(2, channels, side, side) for channels, side in ((64, 32), (32, 16), (128, 8))]
    hints = Hints.of(states)
    more = hints.before_none(3)
    for part, longer in zip(vars(hints).values(), vars(more).values(), strict=True):
        assert longer.shape[0] == 5 and torch.equal(longer[:2], part) and not longer[2:].any()
