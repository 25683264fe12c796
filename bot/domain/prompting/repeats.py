"""`--repeat 3`: three jobs, each with a seed of its own."""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.model import Options
from bot.domain.prompting.permutations import MAX_PERMUTATIONS
from bot.errors import BadOption
from engine import MAX_SEED

PICTURES = 4
"""Of one job, each drawn from the seed after that of the one before."""


def repeated(options: Iterable[Options], *, pictures: int = PICTURES) -> list[Options]:
    """Each as often as it says, with a seed of its own every time: after those of its `pictures`.

    Raises `BadOption` for more jobs than one command may start.
    """
    wishes = [
        one.model_copy(update={"repeat": 1, "seed": _later(one.seed, nth * pictures)})
        for one in options
        for nth in range(one.repeat)
    ]
    if len(wishes) > MAX_PERMUTATIONS:
        raise BadOption("--repeat", f"that would be {len(wishes)} jobs; at most {MAX_PERMUTATIONS} start at once")
    return wishes


def _later(seed: int | None, pictures: int) -> int | None:
    """The seed after so many pictures: of 7 with four pictures it is 11."""
    return None if seed is None else (seed + pictures) % (MAX_SEED + 1)
