"""The numpy twin of the picture encoder says what the torch one says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from engine import POCKET_WEIGHTS, EngineError, PictureEmbedder, TextEmbedder
from engine.pocket.vision import PictureEncoder as Judge


def drawn(colour: str, size: int = 160) -> Image.Image:
    picture = Image.new("RGB", (size, size), "white")
    ImageDraw.Draw(picture).ellipse((size // 5, size // 5, size * 4 // 5, size * 4 // 5), fill=colour)
    return picture


@pytest.mark.parametrize("size", [64, 160])
async def test_it_agrees_with_the_judge_in_torch(size: int) -> None:
    pictures = [drawn(colour, size) for colour in ("red", "blue", "green")]
    ours = PictureEmbedder(POCKET_WEIGHTS)
    vectors = await ours.ask(pictures)
    ours.close()
    batch = torch.stack([torch.tensor(np.asarray(each, np.float32) / 127.5 - 1).permute(2, 0, 1) for each in pictures])
    with torch.no_grad():
        theirs, _ = Judge.load()(batch)
    cosines = (vectors * theirs.numpy()).sum(1)
    # At their own size the same to rounding; made smaller by two libraries, nearly.
    assert cosines.min() > (1 - 1e-5 if size == 64 else 0.99)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


async def test_texts_and_pictures_lie_in_one_space() -> None:
    texts, pictures = TextEmbedder(POCKET_WEIGHTS), PictureEmbedder(POCKET_WEIGHTS)
    words = await texts.ask(["a red circle"])
    seen = await pictures.ask([drawn("red"), drawn("blue")])
    texts.close()
    pictures.close()
    likeness = words @ seen.T
    assert likeness[0, 0] > likeness[0, 1] + 0.05


async def test_missing_weights_are_named(tmp_path: Path) -> None:
    pictures = PictureEmbedder(tmp_path)
    with pytest.raises(EngineError, match=r"vision.*reinstall Darkroom"):
        await pictures.ask([drawn("red")])
    pictures.close()
