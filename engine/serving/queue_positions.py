"""Queue positions: the order of starts, when each is expected by a simulation of the lanes, and why.

No asyncio; the clock is passed in. Torch-free.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.events import Queued
from engine.fair_share import Claim, FairShare, Rank
from engine.serving.cost_estimates import CostEstimates
from engine.serving.request_state import RequestState

RELAXED = "it is relaxed and waits until nobody else does"
OWN_LIMIT = "you have as many running as one may have"


class QueuePositions:
    """The order of waiting requests, and each one's `Queued` event."""

    def __init__(self, share: FairShare, estimates: CostEstimates) -> None:
        self._share, self._estimates = share, estimates

    def in_order(
        self, waiting: Sequence[RequestState], running: Sequence[RequestState], now_s: float
    ) -> list[RequestState]:
        """Requests that lost their worker first, the others in the order of fair share."""
        ranks = self._share.ranks(self._claims(waiting, running).values(), now_s)
        return sorted(waiting, key=lambda request_state: _turn(request_state, ranks))

    def queued(
        self, in_order: Sequence[RequestState], running: Sequence[RequestState], capacity: Capacity, now_s: float
    ) -> list[tuple[RequestState, Queued]]:
        """Each request's position in the order of starts, its expected start, and why the one before goes first."""
        claims = self._claims(in_order, running)
        ranks = self._share.ranks(claims.values(), now_s)
        positions: list[tuple[RequestState, Queued]] = []
        before: RequestState | None = None
        for position, (request_state, eta_s) in enumerate(self._starts(in_order, running, capacity)):
            reason = (
                self._reason(before, request_state, claims, ranks)
                if before
                else RELAXED
                if request_state.request.relax and running
                else _own_limit(request_state, running, capacity)
            )
            positions.append((request_state, Queued(position, eta_s, reason)))
            before = request_state
        return positions

    def _starts(
        self, in_order: Sequence[RequestState], running: Sequence[RequestState], capacity: Capacity
    ) -> list[tuple[RequestState, float | None]]:
        if capacity.lanes == 0:
            return [(request_state, None) for request_state in in_order]
        starts = starts_ms(
            [self._work(request_state) for request_state in running],
            [self._work(request_state) for request_state in in_order],
            capacity,
        )
        is_known = all(self._left_ms(request_state) is not None for request_state in running)
        found: list[tuple[RequestState, float | None]] = []
        for index, start_ms in starts:
            found.append((in_order[index], start_ms / 1000 if is_known or start_ms == 0.0 else None))
            is_known = is_known and self._left_ms(in_order[index]) is not None
        return found

    def _left_ms(self, request_state: RequestState) -> float | None:
        total_ms = self._estimates.gpu_ms(request_state.request)
        return None if total_ms is None else max(0.0, total_ms - request_state.charged_ms)

    def _work(self, request_state: RequestState) -> RemainingWork:
        """The remaining work, one second if unknown: that decides the order only, no start is derived from it."""
        left_ms = self._left_ms(request_state)
        return RemainingWork(request_state.request.member, 1000.0 if left_ms is None else left_ms)

    def _reason(
        self, before: RequestState, request_state: RequestState, claims: Mapping[str, Claim], ranks: Mapping[str, Rank]
    ) -> str:
        if before.losses:
            return "they begin again"
        first, second = claims[before.request.id], claims[request_state.request.id]
        if ranks[second.id] < ranks[first.id]:
            return OWN_LIMIT
        return self._share.why_first(first, second, ranks)

    def _claims(self, waiting: Sequence[RequestState], running: Sequence[RequestState]) -> Mapping[str, Claim]:
        pending_ms: Counter[str] = Counter()
        for request_state in running:
            pending_ms[request_state.request.account] += round(self._left_ms(request_state) or 0.0)
        return {
            request_state.request.id: request_state.claim(pending_ms[request_state.request.account])
            for request_state in waiting
        }


def _turn(request_state: RequestState, ranks: Mapping[str, Rank]) -> tuple[int, float, object]:
    if request_state.losses:
        return 0, request_state.arrived_s, ()
    return 1, 0.0, ranks[request_state.request.id]


def _own_limit(request_state: RequestState, running: Sequence[RequestState], capacity: Capacity) -> str:
    """Why the first request does not start though lanes are free: its member has all lanes that one may have."""
    own = sum(other.request.member == request_state.request.member for other in running)
    return OWN_LIMIT if len(running) < capacity.lanes and own >= capacity.lanes_per_member else ""


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
