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
        say("warming up")
        match = Match(whole_calls, engine, like, together)
        for few in (3, 1):
            await match.drive(at_once(few))
        service_s = await match.service_s()
        calls_s = service_s * ((1 + FULL) / LOAD + FULL) * (1 if together else 2)
        count = max(12, int(budget_s / rounds / calls_s))
        played = [await match.round(number, count, say) for number in range(rounds)]
    return SideBySide(
        LOAD,
        count * rounds,
        service_s,
        statistics.median(images_per_s(each.queue.whole_calls) for each in played),
        statistics.median(images_per_s(each.queue.engine) for each in played),
        UnderLoad.of([each.load.whole_calls for each in played]),
        UnderLoad.of([each.load.engine for each in played]),
    )


@dataclass(frozen=True, slots=True)
class Trips:
    """What the same arrivals met both ways."""

    whole_calls: list[Trip]
    engine: list[Trip]


@dataclass(frozen=True, slots=True)
class Round:
    """A full queue, and Poisson arrivals."""

    queue: Trips
    load: Trips


@dataclass(frozen=True, slots=True)
class Match:
    """Both ways with their workers running."""

    whole_calls: Engine
    engine: Engine
    like: ImageRequest
    together: bool

    async def round(self, number: int, count: int, say: Say) -> Round:
        """A full queue, then `count` arrivals at 0.9 of what whole calls manage beside the other way's load."""
        full = max(6, int(FULL * count))
        say(f"round {number + 1}: a full queue of {full}")
        queue = await self.drive(at_once(full))
        # With a full queue the two are more in each other's way than under load, so the rate is set by a trial.
        say(f"round {number + 1}: {full} arrivals to set the rate by")
        trial = await self.drive(typical(LOAD / between_s(queue.whole_calls), full, LOAD, number))
        rate = LOAD * 1000 / statistics.fmean(trip.gpu_ms for trip in trial.whole_calls)
        say(f"round {number + 1}: {count} arrivals at {rate:.2f}/s")
        return Round(queue, await self.drive(typical(rate, count, LOAD, number)))

    async def drive(self, arrivals: list[Arrival]) -> Trips:
        """The same arrivals both ways."""
        ways = [drive(each, arrivals, self.like) for each in (self.whole_calls, self.engine)]
        return Trips(*await asyncio.gather(*ways)) if self.together else Trips(*[await way for way in ways])

    async def service_s(self) -> float:
        """Seconds of one whole call, alone: the median of three."""
        trips = [(await drive(self.whole_calls, at_once(1), self.like))[0] for _ in range(3)]
        return statistics.median(trip.to_grid_s for trip in trips)
