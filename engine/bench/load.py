"""Both ways under the same load, side by side: a full queue, then Poisson arrivals with a heavy member."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from engine.bench.traffic import (
    HEAVY,
    Arrival,
    Trip,
    Waits,
    at_once,
    between_s,
    busy,
    drive,
    images_per_s,
    jain,
    typical,
)
from engine.engine import Engine
from engine.requests import ImageRequest
from engine.settings import EngineSettings

LOAD = 0.9
FULL = 0.3
"""Requests in the full queue, of those that arrive under load."""
ALL_LANES = 100_000
WHOLE_CALLS = "engine.bench.whole_calls:main"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class UnderLoad:
    """What one way made of the arrivals."""

    light_to_grid: Waits
    light_to_first_preview: Waits
    heavy_to_grid: Waits
    heavy_to_first_preview: Waits
    all_to_grid: Waits
    images_per_s: float
    jain: float
    busy: float
    """Part of the time that the device was at work."""

    @classmethod
    def of(cls, rounds: list[list[Trip]]) -> UnderLoad:
        """Sum the trips of all rounds up."""
        trips = [trip for trips in rounds for trip in trips]
        light = [trip for trip in trips if trip.member != HEAVY]
        heavy = [trip for trip in trips if trip.member == HEAVY]
        return cls(
            Waits.of([trip.to_grid_s for trip in light]),
            Waits.of([trip.to_first_preview_s for trip in light]),
            Waits.of([trip.to_grid_s for trip in heavy]),
            Waits.of([trip.to_first_preview_s for trip in heavy]),
            Waits.of([trip.to_grid_s for trip in trips]),
            statistics.fmean(images_per_s(trips) for trips in rounds),
            jain(trips),
            statistics.fmean(busy(trips) for trips in rounds),
        )


@dataclass(frozen=True, slots=True)
class SideBySide:
    """The comparison: `whole_calls` is B1, rates are per second."""

    load: float
    requests: int
    service_s: float
    """One whole call, alone."""
    saturated_whole_calls: float
    """Pictures per second with a full queue."""
    saturated_engine: float
    whole_calls: UnderLoad
    engine: UnderLoad

    @property
    def light_to_grid_ratio(self) -> float:
        """Light members' p95 time to grid, engine over B1; the aim is 0.5."""
        return self.engine.light_to_grid.p95 / self.whole_calls.light_to_grid.p95

    @property
    def light_to_first_preview_ratio(self) -> float:
        """Light members' p95 time to their first preview, engine over B1; the aim is 0.1."""
        return self.engine.light_to_first_preview.p95 / self.whole_calls.light_to_first_preview.p95

    @property
    def throughput_ratio(self) -> float:
        """Pictures per second from a full queue, engine over B1; the aim is 0.97."""
        return self.saturated_engine / self.saturated_whole_calls


def whole_calls_settings(settings: EngineSettings) -> EngineSettings:
    """Everything is handed to the worker in the order of arrival; it never beats, so nobody may miss that."""
    unlimited = {"max_lanes": ALL_LANES, "max_running_per_member": ALL_LANES, "stall_timeout_s": 3600.0}
    return settings.model_copy(update=unlimited)


@dataclass(frozen=True, slots=True)
class Round:
    """One comparison: of whole calls first, then of the engine."""

    saturated: tuple[float, float]
    """Pictures per second with a full queue."""
    trips: tuple[list[Trip], list[Trip]]
    """Under load."""


@dataclass(frozen=True, slots=True)
class Ways:
    """Both ways, driven alike."""

    whole_calls: Engine
    engine: Engine
    like: ImageRequest
    together: bool

    async def run(self, count: int, number: int, say: Say) -> Round:
        """A full queue, a few arrivals to set the rate by, and `count` of them."""
        full = max(6, int(FULL * count))
        say(f"a full queue of {full}")
        queues = await self.drive(at_once(full))
        # With a full queue both ways are more in each other's way than under load.
        trial = typical(LOAD / between_s(queues[0]), full, LOAD, number)
        say(f"{full} arrivals to set the rate by")
        before, _ = await self.drive(trial)
        capacity = 1000 / statistics.fmean(trip.gpu_ms for trip in before)
        arrivals = typical(LOAD * capacity, count, LOAD, number)
        say(f"{count} arrivals at {LOAD * capacity:.2f}/s")
        return Round((images_per_s(queues[0]), images_per_s(queues[1])), await self.drive(arrivals))

    async def drive(self, arrivals: list[Arrival]) -> tuple[list[Trip], list[Trip]]:
        """What whole calls, and what the engine made of the arrivals."""
        whole_calls, engine = ((each, arrivals, self.like) for each in (self.whole_calls, self.engine))
        if self.together:
            return await asyncio.gather(drive(*whole_calls), drive(*engine))
        return await drive(*whole_calls), await drive(*engine)

    async def service_s(self) -> float:
        """One whole call, alone."""
        trips = [(await drive(self.whole_calls, at_once(1), self.like))[0] for _ in range(3)]
        return statistics.median(trip.to_grid_s for trip in trips)


async def compare(
    settings: EngineSettings, like: ImageRequest, budget_s: float, rounds: int, say: Say, together: bool = False
) -> SideBySide:
    """Both ways `rounds` times within about `budget_s` seconds: one after the other, or at the same time.

    At the same time whatever else the machine does slows both; each needs a core of its own.
    """
    async with (
        Engine(whole_calls_settings(settings), entry=WHOLE_CALLS) as whole_calls,
        Engine(settings) as engine,
    ):
        ways = Ways(whole_calls, engine, like, together)
        say("warming up")
        for few in (3, 1):
            await ways.drive(at_once(few))
        service_s = await ways.service_s()
        calls_s = service_s * ((1 + FULL) / LOAD + FULL) * (1 if together else 2)
        count = max(12, int(budget_s / rounds / calls_s))
        found = [await ways.run(count, number, _numbered(say, number, rounds)) for number in range(rounds)]
    saturated = [statistics.median(rates) for rates in zip(*(each.saturated for each in found), strict=True)]
    under_load = [UnderLoad.of(list(trips)) for trips in zip(*(each.trips for each in found), strict=True)]
    return SideBySide(LOAD, count * rounds, service_s, *saturated, *under_load)


def _numbered(say: Say, number: int, rounds: int) -> Say:
    return lambda what: say(f"{what}, round {number + 1} of {rounds}")
