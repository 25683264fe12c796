"""Does the shipped model draw what it is told? No worse than what TRAINING.md says was measured."""

from pathlib import Path

import pytest
import torch

from engine.pocket import sampling
from engine.pocket.everyday import EVERYDAY
from engine.pocket.obedience import (
    Score,
    colour_pairs,
    drawing_with,
    is_recognised,
    labels_for_ranking,
    obeys_background,
    obeys_colour,
)
from engine.pocket.palette import COLOURS, rgb
from engine.pocket.scenes import held_out
from engine.pocket.text import SentenceEncoder
from engine.pocket.vision import PictureEncoder

pytestmark = pytest.mark.timeout(600)
JUDGE = Path(__file__).with_name("judge")


@pytest.fixture(scope="module")
def draw():
    return drawing_with(sampling.load())


def test_the_colours_asked_for_were_never_painted_in_training():
    pairs = colour_pairs()

    assert len(set(pairs)) == 64
    assert all(held_out(f"{colour} {thing}", 4) for colour, thing in pairs)


def test_a_liar_is_found_out():
    """The measure itself: discs of the right and of the wrong colour."""

    def discs(shift: int):
        y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
        words = list(COLOURS)

        def draw(prompts):
            pictures = torch.ones(len(prompts), 3, 64, 64)
            for row, prompt in enumerate(prompts):
                word = words[(words.index(prompt.split()[0]) + shift) % 7]
                shade = rgb(torch.tensor([COLOURS[word]]))[0]
                pictures[row] = torch.where(x**2 + y**2 < 0.6, shade[:, None, None] * 2 - 1, 1.0)
            return pictures

        return draw

    assert obeys_colour(discs(0)) == Score(64, 64)
    assert obeys_colour(discs(1)).right == 0


def test_colours(draw, record_property):
    score = obeys_colour(draw)
    record_property("colour", str(score))

    assert score.right / score.total >= 0.9, score


def test_backgrounds(draw, record_property):
    score = obeys_background(draw)
    record_property("background", str(score))

    assert score.right / score.total >= 0.95, score


def test_a_judge_taught_by_other_art_recognises_the_object(draw, record_property):
    score = is_recognised(draw, PictureEncoder.load(JUDGE), SentenceEncoder(), sorted(EVERYDAY))
    record_property("top 5 of 200", str(score))

    assert score.right / score.total >= 0.6, score


def test_the_ranking_has_two_hundred_labels():
    assert len(labels_for_ranking(sorted(EVERYDAY))) == 200
