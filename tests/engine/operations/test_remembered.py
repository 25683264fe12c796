"""`pocket` draws what it remembers where a picture has it: variations, tiles, canvases, regions."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.requests import ImageToImage, Inpaint, Outpaint, Upscale
from tests.engine.local_worker import PocketWorker, ask, png

WORDS: dict[str, Any] = {"prompt": "rocket, flat", "num_inference_steps": 6, "num_images": 1}


@pytest.fixture(scope="module")
def pocket() -> PocketWorker:
    return PocketWorker()


@pytest.fixture(scope="module")
def rocket(pocket: PocketWorker) -> np.ndarray:
    return pocket.draw(ask(**WORDS, seed=7))[0]


def ink(picture: np.ndarray) -> np.ndarray:
    return (255 - picture.astype(int).min(axis=2)) > 40


def overlap(old: np.ndarray, new: np.ndarray) -> float:
    return (old & new).sum() / (old | new).sum()


def test_a_subtle_variation_stands_where_the_picture_does(pocket: PocketWorker, rocket: np.ndarray) -> None:
    given = {**WORDS, "image": png(rocket), "strength": 0.35, "num_images": 4}
    for varied in pocket.draw(ask(ImageToImage, **given, seed=100)):
        assert overlap(ink(rocket), ink(varied)) > 0.75


def test_strong_variations_differ_and_show_one_rocket(pocket: PocketWorker, rocket: np.ndarray) -> None:
    given = {**WORDS, "image": png(rocket), "strength": 0.7, "num_images": 4}
    varied = [ink(each) for each in pocket.draw(ask(ImageToImage, **given, seed=100))]
    assert min(overlap(varied[0], other) for other in varied[1:]) < 0.8
    for each in varied:
        assert 0.7 < each.sum() / ink(rocket).sum() < 1.4, "no ghost beside it"


def test_zooming_out_draws_no_second_rocket_around_it(pocket: PocketWorker, rocket: np.ndarray) -> None:
    (wider,) = pocket.draw(ask(Outpaint, **WORDS, image=png(rocket), zoom=1.5, seed=3))
    margin = ink(wider)
    margin[40:216, 40:216] = False
    assert margin.mean() < 0.01


def test_creative_tiles_hold_no_rockets_of_their_own(pocket: PocketWorker, rocket: np.ndarray) -> None:
    (larger,) = pocket.draw(ask(Upscale, **WORDS, image=png(rocket), factor=2.0, mode="creative", seed=3))
    small = np.asarray(Image.fromarray(larger).resize((256, 256), Image.Resampling.BOX))
    assert overlap(ink(rocket), ink(small)) > 0.8


def test_a_new_thing_is_drawn_in_its_region(pocket: PocketWorker, rocket: np.ndarray) -> None:
    mask = np.zeros((256, 256, 3), dtype=np.uint8)
    mask[140:250, 10:100] = 255
    asked = {**WORDS, "prompt": "strawberry, 3d", "image": png(rocket), "mask": png(mask), "strength": 1.0, "seed": 3}
    (painted,) = pocket.draw(ask(Inpaint, **asked))
    inside = painted[140:250, 10:100].astype(int)
    assert ((inside[..., 0] - inside[..., 1]) > 80).mean() > 0.15
    assert (painted[:130] == rocket[:130]).all()
