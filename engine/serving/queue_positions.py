"""The queue as people see it: who will start before whom, when, and why. No asyncio, the clock is passed in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from engine.events import Queued
from engine.fair_share import Claim, FairShare, Rank
from engine.serving.cost_estimates import CostEstimates
from engine.serving.request_state import RequestState
from engine.serving.start_times import Room, Work, starts_ms

OWN_LIMIT = "you have as many running as one may have"


class QueuePositions:
    """The order of waiting requests and what can honestly be said of it."""

    def __init__(self, share: FairShare, estimates: CostEstimates) -> None:
        self._share, self._estimates = share, estimates

    def in_order(
        self, waiting: Sequence[RequestState], running: Sequence[RequestState], now_s: float
    ) -> list[RequestState]:
        """Requests that lost their worker first, then as fair share has it."""
        ranks = self._share.ranks(self._claims(waiting, running).values(), now_s)
        return sorted(waiting, key=lambda request_state: _turn(request_state, ranks))

    def queued(
        self, in_order: Sequence[RequestState], running: Sequence[RequestState], room: Room, now_s: float
    ) -> list[tuple[RequestState, Queued]]:
        """Each one's place in the order of the starts to come, the start, and why the one just before goes first."""
        claims = self._claims(in_order, running)
        ranks = self._share.ranks(claims.values(), now_s)
        positions: list[tuple[RequestState, Queued]] = []
        before: RequestState | None = None
        for position, (request_state, eta_s) in enumerate(self._starts(in_order, running, room)):
            reason = (
                self._reason(before, request_state, claims, ranks)
                if before
                else _own_limit(request_state, running, room)
            )
            positions.append((request_state, Queued(position, eta_s, reason)))
            before = request_state
        return positions

    def _starts(
        self, in_order: Sequence[RequestState], running: Sequence[RequestState], room: Room
    ) -> list[tuple[RequestState, float | None]]:
        if room.lanes == 0:
            return [(request_state, None) for request_state in in_order]
        starts = starts_ms(
            [self._work(request_state) for request_state in running],
            [self._work(request_state) for request_state in in_order],
            room,
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

    def _work(self, request_state: RequestState) -> Work:
        """Where nothing is known yet one second is as good as any: it decides the order, no start is told from it."""
        left_ms = self._left_ms(request_state)
        return Work(request_state.request.member, 1000.0 if left_ms is None else left_ms)

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
            pending_ms[request_state.request.member] += round(self._left_ms(request_state) or 0.0)
        return {
            request_state.request.id: request_state.claim(pending_ms[request_state.request.member])
            for request_state in waiting
        }


def _turn(request_state: RequestState, ranks: Mapping[str, Rank]) -> tuple[int, float, object]:
    if request_state.losses:
        return 0, request_state.arrived_s, ()
    return 1, 0.0, ranks[request_state.request.id]


def _own_limit(request_state: RequestState, running: Sequence[RequestState], room: Room) -> str:
    """Why the very first does not start: there are lanes left, but none for this member."""
    own = sum(other.request.member == request_state.request.member for other in running)
    return OWN_LIMIT if len(running) < room.lanes and own >= room.lanes_per_member else ""
