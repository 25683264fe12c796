"""Cost estimates: an exponentially weighted mean of measured device time for each cost class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from engine import ImageRequest

NEWEST = 0.2
"""Smallest weight of the newest measurement in the mean."""

UNKNOWN_MS_PER_MEGAPIXEL_STEP = 250.0
"""Guess without any measurement, in ms: about the cost of a small model on a small GPU."""

UNKNOWN_MS_PER_MEGAPIXEL: Mapping[str, float] = MappingProxyType(
    {"describe": 250.0, "upscale_subtle": 2000.0, "cut_out": 500.0}
)
"""Guesses for kinds without denoising steps, in ms per megapixel. Their timings estimate no other kind."""


@dataclass(frozen=True, slots=True, order=True)
class CostClass:
    """Requests of one cost class cost about the same for each picture."""

    model: str
    kind: str
    """The engine's kind of work, for example "text_to_image"."""
    size_class: int
    """round(2 log2(pixels)): each class has 1.4 times the pixels of the one before."""
    steps: int

    @property
    def units(self) -> float:
        """Cost of one picture in megapixel-steps."""
        return 2.0 ** (self.size_class / 2) / 1e6 * self.steps


@dataclass(frozen=True, slots=True)
class Timing:
    """Mean device time of one picture in ms, for one cost class."""

    cost_class: CostClass
    ms_per_image: float
    samples: int = 1

    def with_measured(self, ms_per_image: float) -> Timing:
        """Return the mean with one more measurement (ms): a plain mean of the first 5, then exponential."""
        share = max(NEWEST, 1.0 / (self.samples + 1))
        mean = self.ms_per_image + share * (ms_per_image - self.ms_per_image)
        return Timing(self.cost_class, mean, self.samples + 1)


class Timings(Protocol):
    """Store of timings."""

    async def of_model(self, model: str) -> list[Timing]:
        """Return all timings of a model."""
        ...

    async def learn(self, cost_class: CostClass, ms_per_image: float) -> None:
        """Add one measurement, in ms of device time for one picture."""
        ...


class LearntEstimates:
    """Implements `bot.domain.ports.Estimates` with the timing of the nearest cost class, else with a guess."""

    def __init__(self, timings: Timings) -> None:
        self._timings = timings

    async def estimate_ms(self, request: ImageRequest) -> float:
        """Return the estimated device time of a request in ms."""
        return expected_ms(request, await self._timings.of_model(request.model))

    async def learn(self, request: ImageRequest, gpu_ms: float) -> None:
        """Add a measurement: the device time of a whole request in ms."""
        await self._timings.learn(cost_class_of(request), gpu_ms / request.num_images)


def expected_ms(request: ImageRequest, known: Iterable[Timing]) -> float:
    """Return the estimated device time of a request in ms; `known` are the timings of its model."""
    return ms_per_image(cost_class_of(request), known) * request.num_images


def cost_class_of(request: ImageRequest) -> CostClass:
    """Return the cost class of a resolved request."""
    size_class = round(2 * math.log2(request.pixels))
    return CostClass(request.model, request.kind_of_work, size_class, round(request.steps_run))


def ms_per_image(cost_class: CostClass, known: Iterable[Timing]) -> float:
    """Return ms for each picture: the nearest timing, scaled by megapixel-steps, else a guess."""
    alike = (
        timing
        for timing in known
        if timing.cost_class.kind == cost_class.kind or _are_denoised(timing.cost_class, cost_class)
    )
    nearest = min(alike, key=lambda timing: _distance(cost_class, timing.cost_class), default=None)
    if nearest is None:
        return cost_class.units * UNKNOWN_MS_PER_MEGAPIXEL.get(cost_class.kind, UNKNOWN_MS_PER_MEGAPIXEL_STEP)
    return nearest.ms_per_image * (cost_class.units / nearest.cost_class.units)


def _are_denoised(*works: CostClass) -> bool:
    return all(cost_class.kind not in UNKNOWN_MS_PER_MEGAPIXEL for cost_class in works)


def _distance(one: CostClass, other: CostClass) -> tuple[bool, float]:
    return one.kind != other.kind, abs(math.log(one.units / other.units)) + abs(one.size_class - other.size_class) / 4
