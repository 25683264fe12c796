"""Dixit's points: nobody or everybody finds it, some find it, and believed fakes."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from bot.domain.games.bluff_points import points
from bot.domain.games.captions import Caption, captions

LIST = (Caption(text="true", authors=(1,), is_true=True), Caption(text="a", authors=(2, 3)), Caption(text="b"))


@pytest.mark.parametrize(
    ("votes", "teller", "won"),
    [
        ({2: 0, 3: 0, 4: 0}, 1, {1: 0, 2: 2, 3: 2, 4: 2}),
        ({2: 2, 4: 2}, 1, {1: 0, 2: 2, 4: 2}),
        ({2: 0, 4: 1}, 1, {1: 3, 2: 4, 3: 1, 4: 0}),
        ({4: 1}, 1, {1: 0, 2: 1, 3: 1, 4: 2}),
        ({}, 1, {1: 0}),
        ({2: 0, 3: 0}, None, {2: 3, 3: 3}),
        ({2: 2}, None, {2: 0}),
    ],
    ids=["all find it", "nobody does", "some do", "a fake of two", "no votes", "no teller, all", "no teller, none"],
)
def test_points_are_those_of_dixit(votes: Mapping[int, int], teller: int | None, won: dict[int, int]) -> None:
    assert points(LIST, votes, teller) == won


def test_two_fakes_need_no_decoys_and_one_does() -> None:
    for fakes, lines in (({2: "x", 3: "y"}, 3), ({2: "x"}, 4), ({}, 4)):
        made = captions("true", 1, fakes, [], random.Random(1))
        assert len(made) == lines and len({caption.text for caption in made}) == lines
        assert sum(caption.is_true for caption in made) == 1
        assert {author for caption in made if not caption.is_true for author in caption.authors} == set(fakes)


def test_the_truth_stands_anywhere() -> None:
    places = {
        next(place for place, each in enumerate(captions("true", 1, {}, [], random.Random(seed))) if each.is_true)
        for seed in range(50)
    }
    assert places == {0, 1, 2, 3}
