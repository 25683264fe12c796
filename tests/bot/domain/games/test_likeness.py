"""Texts are compared by letters where no encoder runs, and otherwise by what they mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bot.domain.games.likeness import Likeness
from bot.domain.moderation.semantic_filter import Vectors
from engine import EngineError


async def broken(texts: Sequence[str]) -> Vectors:
    raise EngineError("no encoder")


async def by_length(texts: Sequence[str]) -> Vectors:
    angles = np.array([len(text) for text in texts], dtype=np.float32) / 10
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


async def test_without_an_encoder_letters_count() -> None:
    for likeness in (Likeness(), Likeness(broken)):
        assert await likeness.is_nearly("A  red fox", "a red FOX")
        assert not await likeness.is_nearly("a red fox", "a crimson fox")


async def test_writers_of_the_same_are_one_group() -> None:
    groups = await Likeness(by_length).groups({1: "aaaa", 2: "b" * 20, 3: "cccc", 4: "d" * 21})
    assert groups == [(1, 3), (2, 4)]
    assert await Likeness(by_length).groups({}) == []
