"""Price of each button under a picture: the cost estimate of its request, without asking the engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bot.domain.model import Cell, Job, Verb
from bot.domain.prompting.derivation import derive
from bot.domain.prompting.engine_requests import Asker, Sources, Wording
from bot.domain.quotas.cost_estimates import Timings, expected_ms
from bot.domain.quotas.quota import pictures
from engine import CutOut, ImageRequest, Upscale

_STEPS = 25
_ANY = b"\0"
"""Placeholder for picture bytes, which do not change the cost."""
_OWN: Mapping[str, bool | None] = MappingProxyType(
    {**dict.fromkeys(("style", "aspect", "strength", "image_weight")), "draft": False}
)
"""Options of the job that its derived jobs do not inherit; the steps come from the recipe."""
_PRICED = (
    Verb.VARY_SUBTLE, Verb.VARY_STRONG, Verb.REGION, Verb.EDIT, Verb.ZOOM, Verb.PAN, Verb.UPSCALE_SUBTLE,
    Verb.UPSCALE_CREATIVE, Verb.DESCRIBE, Verb.CUT_OUT,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Price:
    """A cost: pictures of a quota, and device time in ms."""

    pictures: int
    ms: float


class PriceList:
    """Calculates prices from measured timings."""

    def __init__(self, timings: Timings, picture_steps: Callable[[str], int | None] = lambda _: None) -> None:
        """`picture_steps`: the steps of a model that starts from a picture, where they differ from its others."""
        self._timings, self._picture_steps = timings, picture_steps

    async def __call__(self, job: Job, cell: Cell) -> Mapping[Verb, Price]:
        """Return the price of each verb for a stored picture, with one database query."""
        known = await self._timings.of_model(job.model)
        asked = {verb: _asked(job, cell, verb, self._picture_steps(job.model)) for verb in _PRICED}
        return {
            verb: Price(pictures(verb, request.num_images), expected_ms(request, known))
            for verb, request in asked.items()
        }


def _asked(job: Job, cell: Cell, verb: Verb, picture_steps: int | None) -> ImageRequest:
    """Return the request of a button. Its size is the one at which the model drew the job, not the cell's size."""
    recipe: dict[str, Any] = json.loads(job.recipe) if job.recipe else {}
    steps = job.spec.options.steps or picture_steps or recipe.get("num_inference_steps") or _STEPS
    options = job.spec.options.model_copy(update={**_OWN, "steps": steps})
    spec = derive(job, verb, cell.cell, seed=0, options=options)
    request = Wording().request(spec, Sources(source=_ANY, mask=_ANY), _no_size, Asker(), job.model)
    width, height = cell.width, cell.height
    if not isinstance(request, Upscale | CutOut):
        width, height = recipe.get("width", width), recipe.get("height", height)
    return request.model_copy(update={"width": width, "height": height})


def _no_size(model: str, aspect: tuple[int, int]) -> tuple[int, int]:
    raise AssertionError("asked without an aspect ratio")
