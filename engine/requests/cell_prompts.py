"""The prompt as one cell reads it: with `chaos`, some of its words are left out."""

from __future__ import annotations

import hashlib

MOST_LEFT_OUT = 0.5
"""At chaos 1: the probability that a cell leaves out a word of the prompt."""


def wording(prompt: str, chaos: float, seed: int) -> str:
    """The prompt as the cell drawn from `seed` reads it: words are left out, at a higher chaos more, but never all."""
    words = prompt.split()
    luck = [_luck(seed, place) for place in range(len(words))]
    kept = [word for word, mine in zip(words, luck, strict=True) if mine >= MOST_LEFT_OUT * chaos]
    return " ".join(kept or [words[luck.index(max(luck))]])


def _luck(seed: int, place: int) -> float:
    """A number in [0, 1) that depends on nothing else; not a random generator's, which may change by version."""
    digest = hashlib.sha256(f"{seed}:{place}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
