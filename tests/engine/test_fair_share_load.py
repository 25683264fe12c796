"""Fair share under Poisson load, on a simulated device: what the light members gain and what the heavy one pays."""

import random
from statistics import quantiles

from engine.fair_share import FairShare
from tests.engine.simulated_device import STEP_MS, STEPS, Asked, DeviceSupervisor

LOAD = 0.9
MEMBERS = ("heavy", *(f"light{number}" for number in range(10)))


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
        DeviceSupervisor(lanes, per_member, FairShare() if fair else None).run(requests)
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
