"""What each button under a picture will cost, known without asking the engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bot.domain.estimates import Timings, ms_per_image, work
from bot.domain.lineage import STRENGTHS
from bot.domain.model import Cell, Job, Verb

_STEPS = 25


@dataclass(frozen=True, slots=True)
class Price:
    """Pictures of a quota, and milliseconds of device time."""

    pictures: int
    ms: float


@dataclass(frozen=True, slots=True)
class _Kind:
    """The engine's name for it, how many pictures, how many times the cell's pixels, which share of the steps."""

    kind: str
    pictures: int
    area: float = 1.0
    share: float = 1.0


_KINDS: Mapping[Verb, _Kind] = MappingProxyType(
    {
        Verb.VARY_SUBTLE: _Kind("image_to_image", 4, share=STRENGTHS[Verb.VARY_SUBTLE]),
        Verb.VARY_STRONG: _Kind("image_to_image", 4, share=STRENGTHS[Verb.VARY_STRONG]),
        Verb.REGION: _Kind("inpaint", 4),
        Verb.ZOOM: _Kind("outpaint", 4, share=0.7),
        Verb.PAN: _Kind("outpaint", 4, area=1.5, share=0.7),
        Verb.UPSCALE_SUBTLE: _Kind("upscale_subtle", 1),
        Verb.UPSCALE_CREATIVE: _Kind("upscale_creative", 1, area=4.0, share=0.3),
        Verb.DESCRIBE: _Kind("describe", 0),
    }
)


class PriceList:
    """Reads prices off what was measured."""

    def __init__(self, timings: Timings) -> None:
        self._timings = timings

    async def __call__(self, job: Job, cell: Cell) -> Mapping[Verb, Price]:
        """What can be made of a kept picture, and its price. One read of the database."""
        known = await self._timings.of_model(job.model)
        recipe: dict[str, Any] = json.loads(job.recipe) if job.recipe else {}
        steps = recipe.get("num_inference_steps") or _STEPS
        prices: dict[Verb, Price] = {}
        for verb, kind in _KINDS.items():
            done = work(job.model, kind.kind, round(cell.width * cell.height * kind.area), steps * kind.share)
            prices[verb] = Price(kind.pictures, ms_per_image(done, known) * max(1, kind.pictures))
        return prices
