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
        for few in (3, 1):
            await _drive_both(whole_calls, engine, at_once(few), like, together)
        service_s = await _service_s(whole_calls, like)
        count = max(12, int(budget_s / rounds / service_s / (1 / LOAD + FULL) / (1 if together else 2)))
        full = max(6, int(FULL * count))
        saturated: dict[Engine, list[float]] = {whole_calls: [], engine: []}
        trips: dict[Engine, list[list[Trip]]] = {whole_calls: [], engine: []}
        for number in range(rounds):
            say(f"a full queue of {full}, round {number + 1} of {rounds}")
            queues = await _drive_both(whole_calls, engine, at_once(full), like, together)
            for each, found in queues:
                saturated[each].append(images_per_s(found))
            # With a full queue both ways are more in each other's way than under load.
            trial = typical(LOAD / between_s(queues[0][1]), full, LOAD, number)
            say(f"{full} arrivals to set the rate by, round {number + 1} of {rounds}")
            before = await _drive_both(whole_calls, engine, trial, like, together)
            capacity = 1000 / statistics.fmean(trip.gpu_ms for trip in before[0][1])
            arrivals = typical(LOAD * capacity, count, LOAD, number)
            say(f"{count} arrivals at {LOAD * capacity:.2f}/s, round {number + 1} of {rounds}")
            for each, found in await _drive_both(whole_calls, engine, arrivals, like, together):
                trips[each].append(found)
    return SideBySide(
        LOAD,
        count * rounds,
        service_s,
        statistics.median(saturated[whole_calls]),
        statistics.median(saturated[engine]),
        UnderLoad.of(trips[whole_calls]),
        UnderLoad.of(trips[engine]),
    )


async def _drive_both(
    whole_calls: Engine, engine: Engine, arrivals: list[Arrival], like: ImageRequest, together: bool
) -> list[tuple[Engine, list[Trip]]]:
    both = (whole_calls, engine)
    if together:
        return list(zip(both, await asyncio.gather(*(drive(each, arrivals, like) for each in both)), strict=True))
    return [(each, await drive(each, arrivals, like)) for each in both]


async def _service_s(engine: Engine, like: ImageRequest) -> float:
    trips = [(await drive(engine, at_once(1), like))[0] for _ in range(3)]
    return statistics.median(trip.to_grid_s for trip in trips)
