"""Simulates in which order, and when, waiting requests will start. Pure and torch-free."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RemainingWork:
    """The device time that one request still needs."""

    member: str
    left_ms: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many requests can run at a time, on how many devices, and how many of one member."""

    lanes: int
    devices: int
    lanes_per_member: int


def starts_ms(
    running: Sequence[RemainingWork], waiting: Sequence[RemainingWork], capacity: Capacity
) -> list[tuple[int, float]]:
    """Index into `waiting` and start, in the order of the starts, if running requests share the devices equally.

    Processor sharing: `shared_ms` is the device time every running request was given so far, so that each one's finish
    is known when it starts. `waiting` is in the order of fair share; a member with all of their lanes taken is skipped.
    """
    lanes = Counter(work.member for work in running)
    finishes = [(work.left_ms, work.member) for work in running]
    heapq.heapify(finishes)
    queue, starts, now_ms, shared_ms = list(enumerate(waiting)), list[tuple[int, float]](), 0.0, 0.0
    while queue:
        place = _first_free(queue, lanes, capacity) if len(finishes) < capacity.lanes else None
        if place is not None:
            index, work = queue.pop(place)
            starts.append((index, now_ms))
            lanes[work.member] += 1
            heapq.heappush(finishes, (shared_ms + work.left_ms, work.member))
        else:
            rate = min(1.0, capacity.devices / len(finishes))
            finish_ms, member = heapq.heappop(finishes)
            now_ms += (finish_ms - shared_ms) / rate
            shared_ms = finish_ms
            lanes[member] -= 1
    return starts


def _first_free(queue: Sequence[tuple[int, RemainingWork]], lanes: Counter[str], capacity: Capacity) -> int | None:
    free = (place for place, (_, work) in enumerate(queue) if lanes[work.member] < capacity.lanes_per_member)
    return next(free, None)
