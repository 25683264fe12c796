"""Does the shipped model draw what it is told? No worse than what TRAINING.md says was measured."""

from pathlib import Path

import pytest
import torch

from engine.pocket import sampling
from engine.pocket.everyday import EVERYDAY
from engine.pocket.fixed_prompts import STYLED, TWO_OBJECTS
from engine.pocket.obedience import (
    Score,
    colour_pairs,
    drawing_with,
    finds_both,
    is_recognised,
    labels_for_ranking,
    obeys_background,
    obeys_colour,
    styles_told_apart,
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


LABELS = labels_for_ranking(sorted(EVERYDAY))


class Seer:
    """Reads a label and a style from the pixels that `painted` wrote there."""

    styles = ("3d", "flat", "cartoon")

    def __init__(self):
        self._words = SentenceEncoder().embed(LABELS)

    def __call__(self, pictures):
        label, style = ((pictures[:, channel].mean((1, 2)) * 1000).round().long() for channel in (0, 1))
        return self._words[label], torch.nn.functional.one_hot(style, 3).float()


def painted(left, right, style):
    picture = torch.zeros(3, 64, 64)
    picture[0, :, :32], picture[0, :, 32:] = left / 1000, right / 1000
    picture[1] = style / 1000
    return picture


@pytest.mark.parametrize(("shift", "right"), [(0, 100), (7, 0)], ids=["right", "wrong"])
def test_two_objects_are_found_where_they_are(shift, right):
    def draw(prompts):
        asked = [next(each for each in TWO_OBJECTS if str(each) == prompt) for prompt in prompts]
        return torch.stack([painted(LABELS.index(a.left), (LABELS.index(a.right) + shift) % 200, 0) for a in asked])

    score = finds_both(draw, Seer(), SentenceEncoder(), sorted(EVERYDAY))

    assert score.total == 100
    assert score.right == 100 if right else score.right <= 10, "a wrong label may be a neighbour of the right one"


@pytest.mark.parametrize(("shift", "right"), [(0, 100), (1, 0)], ids=["right", "wrong"])
def test_styles_are_what_the_judge_sees(shift, right):
    def draw(prompts):
        asked = [next(each for each in STYLED if str(each) == prompt) for prompt in prompts]
        return torch.stack([painted(0, 0, (Seer.styles.index(a.style) + shift) % 3) for a in asked])

    assert styles_told_apart(draw, Seer()) == Score(right, 100)


def test_the_two_lists_ask_for_what_they_should():
    assert len(set(map(str, TWO_OBJECTS))) == len(set(map(str, STYLED))) == 100
    assert all(held_out(" + ".join(sorted((each.left, each.right))), 2) for each in TWO_OBJECTS)
    assert {each.left for each in TWO_OBJECTS} | {each.right for each in TWO_OBJECTS} <= set(LABELS)
    assert {each.label for each in STYLED} <= set(LABELS)


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
