"""The queue as people see it: who will start before whom, when, and why. No asyncio, the clock is passed in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from engine.events import Queued
from engine.fair_share import Claim, FairShare, Rank
from engine.serving.cost_estimates import Estimates
from engine.serving.request_state import Ticket
from engine.serving.start_times import Room, Work, starts_ms

OWN_LIMIT = "you have as many running as one may have"


class Places:
    """The order of waiting requests and what can honestly be said of it."""

    def __init__(self, share: FairShare, estimates: Estimates) -> None:
        self._share, self._estimates = share, estimates

    def in_order(self, waiting: Sequence[Ticket], running: Sequence[Ticket], now_s: float) -> list[Ticket]:
        """Requests that lost their worker first, then as fair share has it."""
        ranks = self._share.ranks(self._claims(waiting, running).values(), now_s)
        return sorted(waiting, key=lambda ticket: _turn(ticket, ranks))

    def queued(
        self, in_order: Sequence[Ticket], running: Sequence[Ticket], room: Room, now_s: float
    ) -> list[tuple[Ticket, Queued]]:
        """Each one's place in the order of the starts to come, the start, and why the one just before goes first."""
        claims = self._claims(in_order, running)
        ranks = self._share.ranks(claims.values(), now_s)
        places: list[tuple[Ticket, Queued]] = []
        before: Ticket | None = None
        for position, (ticket, eta_s) in enumerate(self._starts(in_order, running, room)):
            reason = self._reason(before, ticket, claims, ranks) if before else _own_limit(ticket, running, room)
            places.append((ticket, Queued(position, eta_s, reason)))
            before = ticket
        return places

    def _starts(
        self, in_order: Sequence[Ticket], running: Sequence[Ticket], room: Room
    ) -> list[tuple[Ticket, float | None]]:
        if room.lanes == 0:
            return [(ticket, None) for ticket in in_order]
        starts = starts_ms(
            [self._work(ticket) for ticket in running], [self._work(ticket) for ticket in in_order], room
        )
        is_known = all(self._left_ms(ticket) is not None for ticket in running)
        found: list[tuple[Ticket, float | None]] = []
        for index, start_ms in starts:
            found.append((in_order[index], start_ms / 1000 if is_known or start_ms == 0.0 else None))
            is_known = is_known and self._left_ms(in_order[index]) is not None
        return found

    def _left_ms(self, ticket: Ticket) -> float | None:
        total_ms = self._estimates.gpu_ms(ticket.request)
        return None if total_ms is None else max(0.0, total_ms - ticket.charged_ms)

    def _work(self, ticket: Ticket) -> Work:
        """Where nothing is known yet one second is as good as any: it decides the order, no start is told from it."""
        left_ms = self._left_ms(ticket)
        return Work(ticket.request.member, 1000.0 if left_ms is None else left_ms)

    def _reason(self, before: Ticket, ticket: Ticket, claims: Mapping[str, Claim], ranks: Mapping[str, Rank]) -> str:
        if before.losses:
            return "they begin again"
        first, second = claims[before.request.id], claims[ticket.request.id]
        if ranks[second.id] < ranks[first.id]:
            return OWN_LIMIT
        return self._share.why_first(first, second, ranks)

    def _claims(self, waiting: Sequence[Ticket], running: Sequence[Ticket]) -> Mapping[str, Claim]:
        pending_ms: Counter[str] = Counter()
        for ticket in running:
            pending_ms[ticket.request.member] += round(self._left_ms(ticket) or 0.0)
        return {ticket.request.id: ticket.claim(pending_ms[ticket.request.member]) for ticket in waiting}


def _turn(ticket: Ticket, ranks: Mapping[str, Rank]) -> tuple[int, float, object]:
    if ticket.losses:
        return 0, ticket.arrived_s, ()
    return 1, 0.0, ranks[ticket.request.id]


def _own_limit(ticket: Ticket, running: Sequence[Ticket], room: Room) -> str:
    """Why the very first does not start: there are lanes left, but none for this member."""
    own = sum(other.request.member == ticket.request.member for other in running)
    return OWN_LIMIT if len(running) < room.lanes and own >= room.lanes_per_member else ""
