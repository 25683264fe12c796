"""Fair share: which request runs next. Pure, the clock is passed in. Torch-free; used by the engine and each worker.

Start-time fair queueing (Goyal, Vin, Cheng 1996) over *measured* device time: each member has a virtual time that grows
by `gpu_ms / weight`, and the member with the least goes first. A member who joins starts at the virtual time of those
who are active, less a bounded credit, so that nobody can save up a right to the whole device.

A request is judged by its member's virtual time when it began, as packets are by their start tags: what it takes itself
does not put it behind later ones that are equal. Two requests are equal when they are as much work, in one priority
class, and the later one's member was given no less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_NEWEST = 0.1
"""Weight of the newest in the running mean of what a request takes."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One request that could run now, as fair share sees it."""

    id: str
    member: str
    arrived_s: float
    priority: int = 1
    """Smaller goes first, whatever the shares, until the others have aged."""
    pending_ms: float = 0.0
    """Device time this member's running requests will probably still be charged."""
    charged_ms: float = 0.0
    """Device time this request was charged so far."""
    work: float = 0.0
    """The size of the request in any unit: of equally served claims the smaller goes first."""
    first_preview: bool = False
    """No preview was shown yet: the request may jump the queue, within the bounded share."""
    relaxed: bool = False
    """Behind all that are not, however long it waits (`ImageRequest.relax`)."""


@dataclass(slots=True)
class _Account:
    virtual_ms: float
    weight: float = 1.0
    served_ms: float = 0.0
    requests: int = 0
    last_turn_s: float = float("-inf")


_RELAXED = 1 << 30
"""The priority class of relaxed requests: the last one."""
Rank = tuple[int, float, float, float, str]


class FairShare:
    """The members' accounts, and the order of claims that follows from them."""

    def __init__(
        self,
        first_preview_share: float = 0.4,
        first_preview_burst: float = 4.0,
        ageing_s: float = 20.0,
        credit_ms: float = 30_000.0,
        quantum_requests: float = 2.0,
        request_ms: float = 2_000.0,
        most_idle: int = 1_000,
    ) -> None:
        self._share, self._burst = first_preview_share, first_preview_burst
        self._ageing_s, self._credit_ms, self._quantum_requests = ageing_s, credit_ms, quantum_requests
        self._request_ms, self._most_idle = request_ms, most_idle
        self._accounts: dict[str, _Account] = {}
        self._active: dict[str, _Account] = {}
        self._virtual_ms = 0.0
        self._boosts = first_preview_burst if first_preview_share else 0.0

    def join(self, member: str, weight: float = 1.0, served_ms: float = 0.0) -> None:
        """Count one more active request; `served_ms` is what another `FairShare` says of them (`virtual_ms`)."""
        account = self._account(member)
        if member not in self._active:
            account.virtual_ms = max(account.virtual_ms, self._floor())
        account.virtual_ms = max(account.virtual_ms, served_ms / weight)
        account.weight = weight
        account.requests += 1
        self._active[member] = account
        self._advance()

    def leave(self, member: str, took_ms: float | None = None) -> None:
        """Count one active request less; `took_ms` is its device time, None if it ended early."""
        if took_ms is not None:
            self._request_ms += _NEWEST * (took_ms - self._request_ms)
        account = self._active[member]
        account.requests -= 1
        if account.requests == 0:
            self._advance()
            del self._active[member]

    def charge(self, member: str, gpu_ms: float, now_s: float) -> None:
        """Add measured device time to the member's account, and note that the member had a turn."""
        account = self._account(member)
        account.virtual_ms += gpu_ms / account.weight
        account.served_ms += gpu_ms
        account.last_turn_s = now_s
        self._advance()

    def virtual_ms(self, member: str) -> float:
        """The member's virtual time times their weight: hand it to another `FairShare` as `served_ms`."""
        account = self._account(member)
        return account.virtual_ms * account.weight

    def served(self) -> dict[str, float]:
        """Measured device time in ms by member who is remembered, for the host to keep across a restart."""
        return {member: account.served_ms for member, account in self._accounts.items() if account.served_ms}

    def restore(self, served_ms: Mapping[str, float], weights: Mapping[str, float] | None = None) -> None:
        """Begin with the device time and weight (default 1) that each member had before.

        When a member joins, differences beyond the credit are dropped.
        """
        for member, gpu_ms in served_ms.items():
            account = self._account(member)
            account.weight = (weights or {}).get(member, 1.0)
            account.served_ms = gpu_ms
            account.virtual_ms = gpu_ms / account.weight
            self._virtual_ms = max(self._virtual_ms, account.virtual_ms)

    def order(self, claims: Iterable[Claim], now_s: float) -> list[Claim]:
        """The claims in their order: the next one first."""
        claims = tuple(claims)
        ranks = self.ranks(claims, now_s)
        return sorted(claims, key=lambda claim: ranks[claim.id])

    def take_turn(self, claims: Iterable[Claim], now_s: float) -> list[Claim]:
        """The order for one tick: a request without a preview comes first while the boost's share of ticks lasts."""
        ranked = self.order(claims, now_s)
        self._boosts = min(self._boosts + self._share, self._burst)
        boosted = [claim for claim in ranked if claim.first_preview and not claim.relaxed]
        if not boosted or boosted[0] is ranked[0] or self._boosts < 1.0:
            return ranked
        self._boosts -= 1.0
        return boosted + [claim for claim in ranked if claim not in boosted]

    def ranks(self, claims: Iterable[Claim], now_s: float) -> dict[str, Rank]:
        """The sort key of each claim by request id; the smallest goes first.

        Members within a few requests of the least served one here count as equally served, and among them the shorter
        request goes first, then who came first: taking turns step by step would finish all of them late. A member
        without a turn for `ageing_s` rises one priority class each time; above the highest class whoever has waited
        longest goes first. Requests of a member who *is* served do not age, or a long queue would be FIFO.
        """
        in_turn = sorted(claims, key=lambda claim: (claim.arrived_s, claim.id))
        begins_ms = self._begins_ms(in_turn)
        least_ms = min(begins_ms.values(), default=0.0)
        return {claim.id: self._rank(claim, begins_ms[claim.id] - least_ms, now_s) for claim in in_turn}

    def why_first(self, ahead: Claim, behind: Claim, ranks: Mapping[str, Rank]) -> str:
        """Why `ahead` goes before `behind`: the end of a sentence "3 ahead of you: ..." that members see."""
        if ahead.member == behind.member:
            return "your own earlier requests"
        first, second = ranks[ahead.id], ranks[behind.id]
        if behind.relaxed and not ahead.relaxed:
            return "yours is relaxed and waits until nobody else does"
        if first[0] < 0:
            return "they have waited longest"
        if first[0] < second[0]:
            return "they have priority"
        return "they asked less today" if first[1] < second[1] else "they came first"

    def _rank(self, claim: Claim, ahead_ms: float, now_s: float) -> Rank:
        """`ahead_ms`: how much more virtual time there was before this claim than before the least served one."""
        if claim.relaxed:
            return _RELAXED, ahead_ms // self._quantum_ms, claim.work, claim.arrived_s, claim.id
        since_s = self._waiting_since_s(claim)
        priority = claim.priority - int(max(0.0, now_s - since_s) / self._ageing_s)
        if priority < 0:
            return -1, since_s, claim.work, claim.arrived_s, claim.id
        return priority, ahead_ms // self._quantum_ms, claim.work, claim.arrived_s, claim.id

    def _begins_ms(self, in_turn: Iterable[Claim]) -> dict[str, float]:
        """Each one's member's virtual time without what this request and their later ones were charged meanwhile.

        Each earlier one of theirs that has begun counts for an ordinary request at least, as if it were over. More than
        counts as equal a request must not take for nothing: what it was charged beyond that is left in.
        """
        claims = tuple(in_turn)
        later_ms: defaultdict[str, float] = defaultdict(float)
        for claim in claims:
            later_ms[claim.member] += claim.charged_ms
        begins_ms: dict[str, float] = {}
        for claim in claims:
            account = self._account(claim.member)
            beyond_ms = max(0.0, claim.charged_ms - self._quantum_ms)
            added_ms = claim.pending_ms - later_ms[claim.member] + beyond_ms
            begins_ms[claim.id] = account.virtual_ms + added_ms / account.weight
            if claim.charged_ms:
                later_ms[claim.member] -= max(claim.charged_ms, self._request_ms)
        return begins_ms

    @property
    def _quantum_ms(self) -> float:
        return max(1.0, self._quantum_requests * self._request_ms)

    def _waiting_since_s(self, claim: Claim) -> float:
        return max(claim.arrived_s, self._account(claim.member).last_turn_s)

    def _account(self, member: str) -> _Account:
        if member not in self._accounts:
            self._forget_idle()
            self._accounts[member] = _Account(virtual_ms=self._floor())
        return self._accounts[member]

    def _forget_idle(self) -> None:
        """Keep between `most_idle` and twice as many accounts of members without a request: those served most.

        Who is forgotten comes back as a newcomer, at the floor. That changes nothing for accounts at the floor or
        below, because joining raises them to it. Of the others, those nearest to it are forgotten: they gain least.
        """
        if len(self._accounts) - len(self._active) < 2 * self._most_idle:
            return
        idle = [member for member in self._accounts if member not in self._active]
        idle.sort(key=lambda member: self._accounts[member].virtual_ms, reverse=True)
        for member in idle[self._most_idle :]:
            del self._accounts[member]

    def _floor(self) -> float:
        return max(0.0, self._virtual_ms - self._credit_ms)

    def _advance(self) -> None:
        """Virtual time is the least of the active members' and never goes back."""
        least = min((account.virtual_ms for account in self._active.values()), default=0.0)
        self._virtual_ms = max(self._virtual_ms, least)
