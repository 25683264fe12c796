"""Who asks when, and what each of them waited: open-loop arrivals driven through a real engine. Torch-free."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from engine.engine import Engine
from engine.events import Finished, Progress
from engine.requests import ImageRequest

HEAVY = "heavy"
LIGHT = tuple(f"light {number}" for number in range(1, 7))
MANY, TRACES = 10_000, 300


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request on its way: seconds after the start, and who asks."""

    at_s: float
    member: str
    seed: int


@dataclass(frozen=True, slots=True)
class Trip:
    """What one request met; seconds since the start of the run."""

    member: str
    arrived_s: float
    first_preview_s: float
    finished_s: float
    images: int
    gpu_ms: float = 0.0
    """Device time of its own."""

    @property
    def to_first_preview_s(self) -> float:
        """Arrival to the first preview."""
        return self.first_preview_s - self.arrived_s

    @property
    def to_grid_s(self) -> float:
        """Arrival to the finished pictures."""
        return self.finished_s - self.arrived_s


def poisson(rate: float, count: int, seed: int) -> list[Arrival]:
    """`count` arrivals at `rate` a second; one member makes half of them, six share the rest."""
    draw = random.Random(seed)  # noqa: S311 - a repeatable load, no secret
    at_s = 0.0
    arrivals: list[Arrival] = []
    for number in range(count):
        at_s += draw.expovariate(rate)
        member = HEAVY if draw.random() < 0.5 else draw.choice(LIGHT)
        arrivals.append(Arrival(at_s, member, seed=1000 + 16 * number))
    return arrivals


def typical(rate: float, count: int, load: float, number: int = 0) -> list[Arrival]:
    """Of many traces of `count` arrivals the one (or the next best, by `number`) whose lines are like endless ones.

    Both everybody's line and the light members' own, if calls were served *first come, first served*; so it is chosen
    before anything is measured. Left to chance, hardly anybody ever stands in line in most short traces, and order
    would have nothing to show.
    """
    # A line depends on arrivals per call alone.
    endless = [_lines(poisson(load, MANY, seed)) for seed in range(5)]
    usual = [statistics.median(line) for line in zip(*endless, strict=True)]

    def oddness(seed: int) -> float:
        found = _lines(poisson(load, count, seed))
        if not all(found):
            return math.inf  # nobody but the heavy member
        return sum(abs(math.log(own / other)) for own, other in zip(found, usual, strict=True))

    return poisson(rate, count, sorted(range(TRACES), key=oddness)[number])


def _lines(arrivals: Sequence[Arrival]) -> tuple[float, float]:
    """Light members' 95th percentile of the time to the grid, in calls: in everybody's line, and in their own."""
    return _p95_calls(arrivals), _p95_calls([arrival for arrival in arrivals if arrival.member != HEAVY])


def _p95_calls(arrivals: Sequence[Arrival]) -> float:
    free_s, waits = 0.0, list[float]()
    for arrival in arrivals:
        free_s = max(free_s, arrival.at_s) + 1.0
        if arrival.member != HEAVY:
            waits.append(free_s - arrival.at_s)
    return Waits.of(waits).p95


def at_once(count: int) -> list[Arrival]:
    """`count` requests in the same moment; as ever, the heavy member makes half of them."""
    members = itertools.cycle(member for light in LIGHT for member in (HEAVY, light))
    return [Arrival(0.0, next(members), seed=1000 + 16 * number) for number in range(count)]


async def drive(engine: Engine, arrivals: Sequence[Arrival], like: ImageRequest) -> list[Trip]:
    """Send requests like `like` at their times and wait for all of them."""
    began_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_travel(engine, arrival, like, began_s)) for arrival in arrivals]
    return [task.result() for task in tasks]


async def _travel(engine: Engine, arrival: Arrival, like: ImageRequest, began_s: float) -> Trip:
    await asyncio.sleep(max(0.0, arrival.at_s - (time.perf_counter() - began_s)))
    fields = like.model_dump(exclude={"id", "seed", "member", "prompt"})
    # Words of its own, or the engine would remember how they are encoded.
    prompt = f"{like.prompt} {arrival.seed}"
    request = type(like)(**fields, prompt=prompt, seed=arrival.seed, member=arrival.member)
    arrived_s = time.perf_counter() - began_s
    first_preview_s, images, gpu_ms = 0.0, 0, 0.0
    async with engine.submit(request) as events:
        async for event in events:
            if isinstance(event, Progress) and event.preview and not first_preview_s:
                first_preview_s = time.perf_counter() - began_s
            if isinstance(event, Finished):
                images, gpu_ms = len(event.images), event.gpu_ms
    finished_s = time.perf_counter() - began_s
    return Trip(arrival.member, arrived_s, first_preview_s or finished_s, finished_s, images, gpu_ms)


@dataclass(frozen=True, slots=True)
class Waits:
    """Median, 95th percentile and mean of one kind of wait, in seconds."""

    p50: float
    p95: float
    mean: float
    count: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Waits:
        """Percentiles by linear interpolation, as numpy's."""
        if len(seconds) < 2:
            only = sum(seconds)
            return cls(only, only, only, len(seconds))
        cuts = statistics.quantiles(seconds, n=100, method="inclusive")
        return cls(cuts[49], cuts[94], statistics.fmean(seconds), len(seconds))


def images_per_s(trips: Sequence[Trip]) -> float:
    """Finished pictures over the time from the first arrival to the last picture."""
    began_s = min(trip.arrived_s for trip in trips)
    return sum(trip.images for trip in trips) / (max(trip.finished_s for trip in trips) - began_s)


def between_s(trips: Sequence[Trip]) -> float:
    """Seconds from one finished request to the next, the median: what a call takes where one follows another."""
    ends_s = sorted(trip.finished_s for trip in trips)
    return statistics.median(later - sooner for sooner, later in itertools.pairwise(ends_s))


def busy(trips: Sequence[Trip]) -> float:
    """Part of the time, from the first arrival to the last picture, that the device spent on them."""
    span_s = max(trip.finished_s for trip in trips) - min(trip.arrived_s for trip in trips)
    return sum(trip.gpu_ms for trip in trips) / 1000 / span_s


def jain(trips: Sequence[Trip]) -> float:
    """Jain's index of the members' mean time to grid: 1 is even, 1/members is one who has it all."""
    members = sorted({trip.member for trip in trips})
    means = [statistics.fmean(trip.to_grid_s for trip in trips if trip.member == member) for member in members]
    return sum(means) ** 2 / (len(means) * sum(mean**2 for mean in means))
