"""How many steps a noise scheduler can take, where it refuses a number: PNDM may want four, LCM at most fifty."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_TRIED = (1, 2, 3, 4, 5, 8, 12, 20, 35, 50, 100, 200, 500)
_OWN = frozenset({"timesteps", "sigmas"})
"""Arguments that some pipelines give instead of a number of steps."""


def refusal_of_steps(noise_scheduler: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """The error text for a failed call of `set_timesteps`, with the nearest number of steps that works."""
    asked = kwargs.get("num_inference_steps", args[0] if args else None)
    if not isinstance(asked, int) or any(kwargs.get(name) is not None for name in _OWN):
        return "this model cannot draw in so many steps; take another number"
    kind: Any = noise_scheduler.__class__
    others = {name: value for name, value in kwargs.items() if name != "num_inference_steps"}

    def works(steps: int) -> bool:
        # A copy without what watches the original: this call must leave no trace.
        trial = copy.copy(noise_scheduler)
        try:
            kind.set_timesteps(trial, steps, *args[1:], **others)
        except (IndexError, ValueError):
            return False
        return True

    nearest = _nearest(asked, works)
    if nearest is None:
        return f"this model cannot draw in {asked} steps; take another number"
    bound = "at least" if nearest > asked else "at most"
    return f"this model cannot draw in {asked} steps; take {bound} {nearest}"


def _nearest(asked: int, works: Callable[[int], bool]) -> int | None:
    """The number of steps nearest to a refused one that works, if all between it and a working one are alike."""
    working = next((steps for steps in sorted(_TRIED, key=lambda steps: abs(steps - asked)) if works(steps)), None)
    refused = asked
    while working is not None and abs(working - refused) > 1:
        middle = (working + refused) // 2
        if works(middle):
            working = middle
        else:
            refused = middle
    return working
