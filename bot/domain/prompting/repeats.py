"""`--repeat 3`: makes three jobs with different seeds."""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.model import Options
from bot.domain.prompting.derivation import DRAFTS
from bot.domain.prompting.permutations import MAX_PERMUTATIONS
from bot.errors import BadOption
from engine import MAX_SEED

PICTURES = 4
"""Pictures of one job; their seeds are consecutive."""


def repeated(options: Iterable[Options], *, pictures: int = PICTURES) -> list[Options]:
    """Return each of the options `repeat` times; each job's seeds follow those of the job before.

    Raises `BadOption` for more jobs than one command may start.
    """
    made = [
        one.model_copy(update={"repeat": 1, "seed": _later(one.seed, nth * (DRAFTS if one.draft else pictures))})
        for one in options
        for nth in range(one.repeat)
    ]
    if len(made) > MAX_PERMUTATIONS:
        raise BadOption("--repeat", f"that would be {len(made)} jobs; at most {MAX_PERMUTATIONS} start at once")
    return made


def _later(seed: int | None, pictures: int) -> int | None:
    """Return the seed after so many pictures: 7 and four pictures give 11."""
    return None if seed is None else (seed + pictures) % (MAX_SEED + 1)
