"""In which order and when waiting requests will start: a small simulation of the time to come. Pure and torch-free."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """A member's request, by the device time it still needs."""

    member: str
    left_ms: float


@dataclass(frozen=True, slots=True)
class Room:
    """What there is to run on."""

    lanes: int
    devices: int
    lanes_per_member: int


def starts_ms(running: Sequence[Work], waiting: Sequence[Work], room: Room) -> list[tuple[int, float]]:
    """Index into `waiting` and start, in the order of the starts, if running requests share the devices equally.

    Processor sharing: `shared_ms` is the device time every running request was given so far, so that each one's finish
    is known when it starts. `waiting` is in the order of fair share; whoever has all lanes of a member is passed over.
    """
    lanes = Counter(work.member for work in running)
    finishes = [(work.left_ms, work.member) for work in running]
    heapq.heapify(finishes)
    queue, starts, now_ms, shared_ms = list(enumerate(waiting)), list[tuple[int, float]](), 0.0, 0.0
    while queue:
        place = _first_free(queue, lanes, room) if len(finishes) < room.lanes else None
        if place is not None:
            index, work = queue.pop(place)
            starts.append((index, now_ms))
            lanes[work.member] += 1
            heapq.heappush(finishes, (shared_ms + work.left_ms, work.member))
        else:
            rate = min(1.0, room.devices / len(finishes))
            finish_ms, member = heapq.heappop(finishes)
            now_ms += (finish_ms - shared_ms) / rate
            shared_ms = finish_ms
            lanes[member] -= 1
    return starts


def _first_free(queue: Sequence[tuple[int, Work]], lanes: Counter[str], room: Room) -> int | None:
    free = (place for place, (_, work) in enumerate(queue) if lanes[work.member] < room.lanes_per_member)
    return next(free, None)
