"""Pictures turned back by the pose of their seed, before a judge sees them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.pocket import sampling
from engine.pocket.data import Collection, Sprite
from engine.pocket.fair_judging import drawings_of, nearest_in_style, turned_back, ways
from engine.pocket.fixed_prompts import STYLED
from engine.pocket.styles import STYLES
from engine.pocket.vision import SIZE


@pytest.fixture(scope="module")
def collection():
    """A square for each thing and style of the list of styles; each style is another shade, each thing another spot."""
    labels = sorted({each.label for each in STYLED})
    sprites = tuple(
        Sprite(label, (), style, "own", "", 1.0, mirror=number % 2 == 0)
        for number, label in enumerate(labels)
        for style in STYLES
    )
    pixels = np.zeros((len(sprites), SIZE, SIZE, 4), np.uint8)
    for i in range(len(sprites)):
        left = 8 + i // 3 % 20
        pixels[i, 16:40, left : left + 24] = (40 + 80 * (i % 3), 60, 200, 255)
    return Collection(sprites, pixels)


def test_a_posed_drawing_is_turned_back_to_how_it_lay(collection):
    prompts = [str(each) for each in STYLED]
    lying = drawings_of(collection, posed=False)(prompts)
    posed = drawings_of(collection, posed=True)
    upright = turned_back(posed, collection)(prompts)

    apart = [(each - lying).abs().mean((1, 2, 3)) for each in (posed(prompts), upright)]
    assert float(apart[1].max()) < 0.05
    assert float(apart[1].mean()) < float(apart[0].mean()) / 4


def test_the_nearest_drawing_tells_the_style(collection):
    every = ways(drawings_of(collection, posed=True), collection)

    assert nearest_in_style(every["real drawings turned back"], collection).right == 100
    assert nearest_in_style(every["real drawings"], collection).right == 100

    def wrong(prompts):
        shifted = [f"{p.rpartition(', ')[0]}, {STYLES[STYLES.index(p.rpartition(', ')[2]) - 1]}" for p in prompts]
        return drawings_of(collection, posed=False)(shifted)

    assert nearest_in_style(wrong, collection).right == 0


def test_a_picture_of_the_model_stands_upright_when_turned_back():
    """A banana from four seeds: alike once they are turned back."""
    pipeline = sampling.load()
    collection = Collection((Sprite("banana", (), "flat", "own", "", 1.0, mirror=True),), np.zeros((1, 64, 64, 4)))

    def draw(prompts):
        return torch.from_numpy(
            pipeline(
                list(prompts),
                generator=[torch.Generator().manual_seed(i) for i in range(len(prompts))],
                num_inference_steps=sampling.STEPS,
                guidance_scale=sampling.GUIDANCE,
                output_type="np",
            ).images
        ).permute(0, 3, 1, 2) * 2 - 1  # fmt: skip

    prompts = ["banana, flat"] * 4
    apart = [(way(prompts) - way(prompts)[:1]).abs()[1:].mean() for way in (draw, turned_back(draw, collection))]
    assert float(apart[1]) < 0.6 * float(apart[0])
