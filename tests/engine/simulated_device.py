"""A simulated device that serves requests step by step, in the order of fair share or first come first served."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.fair_share import Claim, FairShare

STEP_MS, STEPS = 120.0, 30


@dataclass(eq=False)
class Asked:
    """One request; `standing_ms` is what its member was given and had asked for when it came."""

    id: str
    member: str
    arrived_s: float
    steps: int = 0
    first_s: float = 0.0
    finished_s: float = 0.0
    standing_ms: float = 0.0


@dataclass
class DeviceSupervisor:
    """Runs one step per tick, of as many requests as fit (`rows`); each costs the same, however many there are."""

    lanes: int
    per_member: int
    share: FairShare | None = None
    rows: int = 1
    away: random.Random | None = None
    """When given, one request in five is busy with something else at each tick, by this chance."""
    now_s: float = 0.0
    waiting: list[Asked] = field(default_factory=list[Asked])
    running: list[Asked] = field(default_factory=list[Asked])

    def run(self, requests: Sequence[Asked]) -> None:
        """Serve all of them."""
        coming = sorted(requests, key=lambda one: one.arrived_s)
        while coming or self.waiting or self.running:
            while coming and coming[0].arrived_s <= self.now_s:
                self._arrive(coming.pop(0))
            self._admit()
            if self.running:
                self._tick()
            else:
                self.now_s = coming[0].arrived_s

    def _arrive(self, one: Asked) -> None:
        if self.share:
            self.share.join(one.member)
            owed = sum(STEPS - other.steps for other in self.waiting + self.running if other.member == one.member)
            one.standing_ms = self.share.virtual_ms(one.member) + owed * STEP_MS
        self.waiting.append(one)

    def _admit(self) -> None:
        for one in self._order(self.waiting):
            busy = sum(other.member == one.member for other in self.running)
            if len(self.running) < self.lanes and busy < self.per_member:
                self.waiting.remove(one)
                self.running.append(one)

    def _tick(self) -> None:
        here = [one for one in self.running if not self.away or self.away.random() > 0.2] or self.running
        batch = self._order(here, is_tick=True)[: self.rows]
        self.now_s += STEP_MS / 1000 * len(batch)
        for one in batch:
            one.steps += 1
            one.first_s = one.first_s or self.now_s
            if self.share:
                self.share.charge(one.member, STEP_MS, self.now_s)
            if one.steps == STEPS:
                self._finish(one)

    def _finish(self, one: Asked) -> None:
        one.finished_s = self.now_s
        self.running.remove(one)
        if self.share:
            self.share.leave(one.member, STEPS * STEP_MS)

    def _order(self, requests: Sequence[Asked], is_tick: bool = False) -> list[Asked]:
        if not self.share:
            return list(requests)
        by_id = {one.id: one for one in requests}
        claims = [self._claim(one) for one in requests]
        ranked = self.share.take_turn(claims, self.now_s) if is_tick else self.share.order(claims, self.now_s)
        return [by_id[claim.id] for claim in ranked]

    def _claim(self, one: Asked) -> Claim:
        left = sum(STEPS - other.steps for other in self.running if other.member == one.member)
        return Claim(
            one.id,
            one.member,
            one.arrived_s,
            pending_ms=0.0 if one in self.running else left * STEP_MS,
            charged_ms=one.steps * STEP_MS,
            work=STEPS,
            first_preview=not one.steps,
        )
