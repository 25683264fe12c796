"""Words that the bot deals: a secret for a silent teller, a first line for a sleeper, decoys where fakes are few."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

DEALT = (
    "a red apple on a blue table",
    "two yellow circles under a green tree",
    "a small house beside a big purple mountain",
    "a black cat on an orange sofa",
    "a blue boat on a pink lake",
    "three white stars above a dark hill",
    "a green frog with a golden crown",
    "a brown dog chasing a red ball",
    "a grey castle on a yellow beach",
    "a purple flower in a white vase",
    "an orange moon over a blue forest",
    "a pink umbrella in the rain",
    "a white rabbit in a green field",
    "a red bicycle against a yellow wall",
    "a blue whale in the night sky",
    "a lonely lamp on a brown street",
    "a green bottle on a red chair",
    "a yellow bird above a grey roof",
    "a cake with one blue candle",
    "a snowman in a red scarf",
    "an old key on a purple pillow",
    "a tiny planet with a green ring",
    "a striped fish in a round bowl",
    "a golden door in a dark wall",
)
"""Plain things in plain colours: the embedded model can draw them, and no member wrote them."""

FIGURES = (
    "an owl",
    "a penguin",
    "a lion",
    "a robot",
    "a snowman",
    "a green dinosaur",
    "a red fox",
    "a panda",
    "a green dress",
    "two brown boots",
    "a yellow duck",
    "a clown face",
    "a ghost",
    "an alien",
    "a koala",
    "a jack-o-lantern",
    "a cactus",
    "a blue rocket",
    "a red rose",
    "a frog",
)
"""Bands of a corpse."""


def dealt(seed: int, number: int, without: Collection[str] = (), among: Sequence[str] = DEALT) -> str:
    """The words for turn or chain `number`; the same arguments give the same words."""
    left = [words for words in among if words not in without]
    return random.Random(f"{seed}:{number}").choice(left)  # noqa: S311 - dealt words are no key


def decoys(seed: int, number: int, how_many: int, without: Collection[str] = ()) -> list[str]:
    """`how_many` different ones; the same arguments give the same words."""
    left = [words for words in DEALT if words not in without]
    return random.Random(f"{seed}:{number}:decoys").sample(left, how_many)  # noqa: S311
