"""Which words of a prompt matter: how far its meaning moves when one of them is left out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.errors import BadOption

Embed = Callable[[Sequence[str]], Awaitable[NDArray[np.float32]]]
"""Texts as unit vectors (n, d)."""
MOST_WORDS = 60
CARRIED = 0.9
"""A shorter prompt keeps the words that together carry this share of all that moves."""


@dataclass(frozen=True, slots=True)
class WordWeight:
    """One word, and its share of what moves the meaning, in [0, 1]."""

    word: str
    share: float
    kept: bool
    """Whether it stands in the shorter prompt."""


async def word_weights(prompt: str, embed: Embed) -> list[WordWeight]:
    """The words in order. Raises `BadOption` for fewer than two and more than `MOST_WORDS`, and `EngineError`."""
    words = prompt.split()
    if not 2 <= len(words) <= MOST_WORDS:
        raise BadOption("prompt", f"from 2 to {MOST_WORDS} words can be weighed, and these are {len(words)}")
    without = [" ".join(words[:place] + words[place + 1 :]) for place in range(len(words))]
    vectors = await embed([prompt, *without])
    moved = np.maximum(1 - vectors[1:] @ vectors[0], 0.0)
    shares = moved / moved.sum() if moved.sum() > 0 else np.full(len(words), 1 / len(words))
    kept, carried = set[int](), 0.0
    for place in np.argsort(-shares, kind="stable").tolist():
        if carried < CARRIED:
            kept.add(place)
            carried += float(shares[place])
    return [WordWeight(word, float(shares[place]), place in kept) for place, word in enumerate(words)]
