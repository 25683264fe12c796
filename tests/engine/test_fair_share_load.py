"""Fair share under Poisson load, on a simulated device: what the light members gain and what the heavy one pays."""

import random
from dataclasses import dataclass, field
from statistics import quantiles

from engine.fair_share import Claim, FairShare

STEP_MS, STEPS, LOAD = 120.0, 30, 0.9
MEMBERS = ("heavy", *(f"light{number}" for number in range(10)))


@dataclass
class Asked:
    id: str
    member: str
    arrived_s: float
    steps: int = 0
    first_s: float = 0.0
    finished_s: float = 0.0


@dataclass
class Device:
    """Runs one request's step per tick: at the knee, batching more gains nothing."""

    lanes: int
    per_member: int
    share: FairShare | None = None
    now_s: float = 0.0
    waiting: list[Asked] = field(default_factory=list)
    running: list[Asked] = field(default_factory=list)

    def run(self, requests: list[Asked]) -> None:
        coming = sorted(requests, key=lambda one: one.arrived_s)
        while coming or self.waiting or self.running:
            while coming and coming[0].arrived_s <= self.now_s:
                self.waiting.append(coming.pop(0))
                if self.share:
                    self.share.join(self.waiting[-1].member)
            self.admit()
            if self.running:
                self.tick()
            else:
                self.now_s = coming[0].arrived_s

    def admit(self) -> None:
        for one in self.order(self.waiting):
            busy = sum(other.member == one.member for other in self.running)
            if len(self.running) < self.lanes and busy < self.per_member:
                self.waiting.remove(one)
                self.running.append(one)

    def tick(self) -> None:
        one = self.order(self.running, is_tick=True)[0]
        self.now_s += STEP_MS / 1000
        one.steps += 1
        one.first_s = one.first_s or self.now_s
        if self.share:
            self.share.charge(one.member, STEP_MS, self.now_s)
        if one.steps == STEPS:
            one.finished_s = self.now_s
            self.running.remove(one)
            if self.share:
                self.share.leave(one.member, STEPS * STEP_MS)

    def order(self, requests: list[Asked], is_tick: bool = False) -> list[Asked]:
        if not self.share:
            return list(requests)
        by_id = {one.id: one for one in requests}
        claims = [
            Claim(one.id, one.member, one.arrived_s, remaining=STEPS - one.steps, first_preview=not one.steps)
            for one in requests
        ]
        ranked = self.share.next_turn(claims, self.now_s) if is_tick else self.share.order(claims, self.now_s)
        return [by_id[claim.id] for claim in ranked]


def traffic(seed: int, count: int = 300) -> list[Asked]:
    """Poisson arrivals, half of them the heavy member's."""
    chance, now_s, requests = random.Random(seed), 0.0, list[Asked]()
    for number in range(count):
        now_s += chance.expovariate(LOAD / (STEP_MS * STEPS / 1000))
        member = MEMBERS[0] if chance.random() < 0.5 else chance.choice(MEMBERS[1:])
        requests.append(Asked(str(number), member, now_s))
    return requests


def p95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1]


def days(lanes: int, per_member: int, fair: bool) -> list[Asked]:
    """All requests of several independent days, served."""
    served: list[Asked] = []
    for seed in range(6):
        requests = traffic(seed)
        Device(lanes, per_member, FairShare() if fair else None).run(requests)
        served += requests
    return served


def grid_s(requests: list[Asked], is_heavy: bool) -> float:
    return p95([one.finished_s - one.arrived_s for one in requests if (one.member == "heavy") == is_heavy])


def preview_s(requests: list[Asked]) -> float:
    return p95([one.first_s - one.arrived_s for one in requests if one.member != "heavy"])


def test_light_members_gain_and_the_heavy_one_is_not_starved() -> None:
    fifo, fair = days(lanes=1, per_member=1, fair=False), days(lanes=16, per_member=3, fair=True)
    assert all(one.finished_s for one in fair)
    assert grid_s(fair, is_heavy=False) <= 0.5 * grid_s(fifo, is_heavy=False)
    assert preview_s(fair) <= 0.1 * preview_s(fifo)
    assert grid_s(fair, is_heavy=True) <= 2.5 * grid_s(fifo, is_heavy=True)
