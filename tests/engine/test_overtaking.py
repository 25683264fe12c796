"""Whoever came first is not made to wait by those who came later and are equal, whatever else arrives."""

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.fair_share import FairShare
from tests.engine.simulated_device import STEP_MS, STEPS, Asked, DeviceSupervisor

REQUEST_S = STEPS * STEP_MS / 1000

ARRIVALS = st.lists(st.tuples(st.floats(0.0, 1.5 * REQUEST_S), st.sampled_from("abcdef")), min_size=2, max_size=24)
"""Pauses between arrivals, in seconds, and who asks."""


def asked(arrivals: Sequence[tuple[float, str]]) -> list[Asked]:
    """The requests, one after the other."""
    now_s, requests = 0.0, list[Asked]()
    for number, (pause_s, member) in enumerate(arrivals):
        now_s += pause_s
        requests.append(Asked(f"{number:03}", member, now_s))
    return requests


def overtaken(one: Asked, requests: Sequence[Asked]) -> int:
    """By how many later ones whose member had been given and asked for no less."""
    return sum(
        other.arrived_s > one.arrived_s
        and other.finished_s < one.finished_s
        and (other.member == one.member or other.standing_ms >= one.standing_ms)
        for other in requests
    )


def most_overtaken(requests: Sequence[Asked]) -> int:
    """That of the unluckiest."""
    return max(overtaken(one, requests) for one in requests)


@given(ARRIVALS, st.sampled_from([1, 2, 3, 16]), st.floats(0.5, 1.5))
@settings(max_examples=120, deadline=None)
def test_nobody_is_overtaken_by_two_equal_later_ones(
    arrivals: list[tuple[float, str]], per_member: int, guess: float
) -> None:
    requests = asked(arrivals)
    share = FairShare(request_ms=guess * STEPS * STEP_MS)
    DeviceSupervisor(lanes=16, per_member=per_member, share=share, away=random.Random(0)).run(requests)
    assert most_overtaken(requests) <= 1


@given(ARRIVALS, st.sampled_from([2, 4]))
@settings(max_examples=80, deadline=None)
def test_nor_where_several_share_a_forward_pass(arrivals: list[tuple[float, str]], rows: int) -> None:
    requests = asked(arrivals)
    DeviceSupervisor(lanes=24, per_member=24, rows=rows, share=FairShare()).run(requests)
    assert most_overtaken(requests) <= 1


@given(st.lists(st.floats(0.0, 2 * REQUEST_S), min_size=2, max_size=24), st.sampled_from([1, 2, 4]))
@settings(max_examples=50, deadline=None)
def test_one_members_later_request_does_not_end_first(pauses_s: list[float], rows: int) -> None:
    requests = asked([(pause_s, "ada") for pause_s in pauses_s])
    # Those in one pass go on together: whoever is away for one of its steps ends a step later, at nobody's cost.
    away = random.Random(0) if rows == 1 else None
    DeviceSupervisor(lanes=16, per_member=3, rows=rows, share=FairShare(), away=away).run(requests)
    assert most_overtaken(requests) <= 1


@given(st.lists(st.floats(0.0, 2 * REQUEST_S), min_size=2, max_size=24), st.sampled_from([1, 2, 4]))
@settings(max_examples=50, deadline=None)
def test_newcomers_with_one_wish_each_end_as_they_came(pauses_s: list[float], rows: int) -> None:
    requests = asked([(pause_s, f"member {number}") for number, pause_s in enumerate(pauses_s)])
    DeviceSupervisor(lanes=16, per_member=3, rows=rows, share=FairShare()).run(requests)
    assert most_overtaken(requests) <= 1


def test_steady_new_requests_do_not_keep_an_old_one() -> None:
    """Six members ask again as soon as the device could be done with their last."""
    requests = asked([(0.9 * REQUEST_S, "abcdef"[number % 6]) for number in range(60)])
    DeviceSupervisor(lanes=16, per_member=3, share=FairShare()).run(requests)
    assert max(one.finished_s - one.arrived_s for one in requests) < 12 * REQUEST_S
