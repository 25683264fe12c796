"""What a wish will cost, learnt from what others cost: an exponentially weighted mean for each kind of work."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from engine import ImageRequest, kind_of_work, pixels_of, steps_of

NEWEST = 0.2
"""Weight of the newest measurement once there are several."""

UNKNOWN_MS_PER_MEGAPIXEL_STEP = 250.0
"""Before anything was measured: about what a small model takes on a small GPU."""

UNKNOWN_MS_PER_MEGAPIXEL: Mapping[str, float] = MappingProxyType({"describe": 250.0, "upscale_subtle": 2000.0})
"""The same for what takes no steps of denoising: neither says anything about the cost of any other kind."""


@dataclass(frozen=True, slots=True, order=True)
class Work:
    """What makes two requests cost the same for each picture."""

    model: str
    kind: str
    size_class: int
    """Twice the binary logarithm of the pixels, rounded: each class has 1.4 times the pixels of the last."""
    steps: int

    @property
    def units(self) -> float:
        """Megapixel-steps of one picture."""
        return 2.0 ** (self.size_class / 2) / 1e6 * self.steps


@dataclass(frozen=True, slots=True)
class Timing:
    """The mean of what was measured for one kind of work."""

    work: Work
    ms_per_image: float
    samples: int = 1

    def with_measured(self, ms_per_image: float) -> Timing:
        """The mean with one more measurement: a plain mean of the first few, then forgetting slowly."""
        share = max(NEWEST, 1.0 / (self.samples + 1))
        mean = self.ms_per_image + share * (ms_per_image - self.ms_per_image)
        return Timing(self.work, mean, self.samples + 1)


class Timings(Protocol):
    """Where timings are kept."""

    async def of_model(self, model: str) -> list[Timing]:
        """Everything known of a model."""
        ...

    async def learn(self, work: Work, ms_per_image: float) -> None:
        """Add one measurement."""
        ...


class LearntEstimates:
    """`bot.domain.ports.Estimates`: the same work if it was measured, else the nearest, else a guess."""

    def __init__(self, timings: Timings) -> None:
        self._timings = timings

    async def estimate_ms(self, request: ImageRequest) -> float:
        """See the port."""
        return expected_ms(request, await self._timings.of_model(request.model))

    async def learn(self, request: ImageRequest, gpu_ms: float) -> None:
        """See the port."""
        await self._timings.learn(work_of(request), gpu_ms / request.num_images)


def expected_ms(request: ImageRequest, known: Iterable[Timing]) -> float:
    """What a request will take, by what is known of its model."""
    return ms_per_image(work_of(request), known) * request.num_images


def work_of(request: ImageRequest) -> Work:
    """What kind of work a resolved request is."""
    size_class = round(2 * math.log2(pixels_of(request)))
    return Work(request.model, kind_of_work(request), size_class, round(steps_of(request)))


def ms_per_image(work: Work, known: Iterable[Timing]) -> float:
    """From the timing nearest to this work, scaled by megapixel-steps; the guess when there is none."""
    alike = (timing for timing in known if timing.work.kind == work.kind or _are_denoised(timing.work, work))
    nearest = min(alike, key=lambda timing: _distance(work, timing.work), default=None)
    if nearest is None:
        return work.units * UNKNOWN_MS_PER_MEGAPIXEL.get(work.kind, UNKNOWN_MS_PER_MEGAPIXEL_STEP)
    return nearest.ms_per_image * (work.units / nearest.work.units)


def _are_denoised(*works: Work) -> bool:
    return all(work.kind not in UNKNOWN_MS_PER_MEGAPIXEL for work in works)


def _distance(one: Work, other: Work) -> tuple[bool, float]:
    return one.kind != other.kind, abs(math.log(one.units / other.units)) + abs(one.size_class - other.size_class) / 4
