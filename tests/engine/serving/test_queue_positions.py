"""Nobody is told a start that the simulation of the lanes does not bear out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Describe, ImageRequest, Upscale
from engine.events import Queued
from engine.fair_share import FairShare
from engine.serving.cost_estimates import CostEstimates
from engine.serving.queue_positions import Capacity, QueuePositions, RemainingWork, starts_ms
from engine.serving.request_state import Phase, RequestState

WORKS = st.lists(st.builds(RemainingWork, st.sampled_from("abc"), st.floats(0.0, 1000.0)), max_size=8)
CAPACITIES = st.builds(Capacity, st.integers(8, 12), st.integers(1, 3), st.integers(1, 4))


@given(WORKS, WORKS, CAPACITIES)
def test_everybody_starts_once_and_in_the_order_told(
    running: list[RemainingWork], waiting: list[RemainingWork], capacity: Capacity
) -> None:
    starts = starts_ms(running, waiting, capacity)
    assert sorted(index for index, _ in starts) == list(range(len(waiting)))
    assert [start for _, start in starts] == sorted(start for _, start in starts)
    for member in "abc":
        own = [index for index, _ in starts if waiting[index].member == member]
        assert own == sorted(own), "a member's own order is kept"


def test_one_lane_after_another() -> None:
    waiting = [RemainingWork("a", 10.0), RemainingWork("b", 20.0), RemainingWork("c", 5.0)]
    assert starts_ms([RemainingWork("a", 7.0)], waiting, Capacity(1, 1, 1)) == [(0, 7.0), (1, 17.0), (2, 37.0)]


def test_lanes_that_share_a_device_run_slower() -> None:
    assert starts_ms(
        [RemainingWork("a", 10.0), RemainingWork("b", 10.0)], [RemainingWork("c", 1.0)], Capacity(2, 1, 1)
    ) == [(0, 20.0)]
    assert starts_ms(
        [RemainingWork("a", 10.0), RemainingWork("b", 10.0)], [RemainingWork("c", 1.0)], Capacity(2, 2, 1)
    ) == [(0, 10.0)]


def test_a_member_at_their_cap_is_passed_over() -> None:
    assert starts_ms(
        [RemainingWork("a", 9.0)], [RemainingWork("a", 1.0), RemainingWork("b", 4.0)], Capacity(4, 1, 1)
    ) == [(1, 0.0), (0, 13.0)]


def request_state(member: str, arrived_s: float = 0.0, phase: Phase = Phase.WAITING) -> RequestState:
    # No mailbox is read here, so no loop is needed either.
    request = ImageRequest(prompt="x", member=member, model="m", width=512, height=512, num_inference_steps=10)
    return RequestState(request, (), arrived_s, phase=phase)


def positions(
    share: FairShare, estimates: CostEstimates, waiting: list[RequestState], running: list[RequestState]
) -> list[Queued]:
    view = QueuePositions(share, estimates)
    order = view.in_order(waiting, running, now_s=1.0)
    return [place for _, place in view.queued(order, running, Capacity(1, 1, 1), now_s=1.0)]


async def test_no_start_is_told_where_nothing_was_measured() -> None:
    share, estimates = FairShare(), CostEstimates()
    waiting, running = [request_state("b"), request_state("c", 0.5)], [request_state("a", phase=Phase.RUNNING)]
    assert [place.eta_s for place in positions(share, estimates, waiting, running)] == [None, None]
    estimates.learn(running[0].request, 3000.0)
    told = positions(share, estimates, waiting, running)
    assert told == [Queued(0, pytest.approx(3.0)), Queued(1, pytest.approx(6.0), "they came first")]


async def test_whoever_waits_for_themselves_is_told_so() -> None:
    running, waiting = [request_state("a", phase=Phase.RUNNING)], [request_state("a"), request_state("a", 0.5)]
    told = QueuePositions(FairShare(), CostEstimates()).queued(waiting, running, Capacity(4, 1, 1), 1.0)
    assert [place.reason for _, place in told] == [
        "you have as many running as one may have",
        "your own earlier requests",
    ]


async def test_whoever_lost_a_worker_begins_again_first() -> None:
    again, other = request_state("heavy", 0.9), request_state("light", 0.0)
    again.losses = 1
    told = QueuePositions(FairShare(), CostEstimates()).queued([again, other], [], Capacity(0, 0, 1), 1.0)
    assert [(one.request.member, place.reason) for one, place in told] == [("heavy", ""), ("light", "they begin again")]
    assert QueuePositions(FairShare(), CostEstimates()).in_order([other, again], [], 1.0) == [again, other]


def test_estimates_prefer_the_most_similar_request() -> None:
    estimates = CostEstimates()
    small = ImageRequest(prompt="x", model="m", width=512, height=512, num_inference_steps=10)
    large = small.model_copy(update={"width": 1024, "height": 1024})
    estimates.learn(small, 100.0)
    assert estimates.gpu_ms(large) == pytest.approx(400.0)
    estimates.learn(large, 1000.0)
    assert estimates.gpu_ms(small) == pytest.approx(100.0)
    assert estimates.gpu_ms(large) == pytest.approx(1000.0)
    assert estimates.gpu_ms(small.model_copy(update={"model": "other"})) is None


def test_estimates_learn_and_forget_slowly() -> None:
    estimates, request = CostEstimates(), ImageRequest(prompt="x", model="m", width=512, height=512)
    for gpu_ms in (100.0, 200.0, 200.0, 200.0, 200.0, 200.0):
        estimates.learn(request, gpu_ms)
    assert 180.0 < (estimates.gpu_ms(request) or 0.0) < 200.0


def test_only_the_newest_sizes_are_remembered() -> None:
    estimates = CostEstimates(most=50)
    first = ImageRequest(prompt="x", model="m", width=512, height=512, num_inference_steps=10, num_images=1)
    estimates.learn(first, 1000.0)
    assert estimates.gpu_ms(first) == pytest.approx(1000.0)
    for number in range(200):
        other = first.model_copy(update={"width": 256 + number})
        estimates.learn(other, 100.0 * (256 + number) / 512)
    assert estimates.gpu_ms(first) == pytest.approx(100.0, rel=0.01), "what is known of its model remains"


def test_describing_says_nothing_about_drawing() -> None:
    estimates = CostEstimates()
    same = {"prompt": "x", "model": "m", "width": 512, "height": 512, "num_inference_steps": 10, "num_images": 1}
    described = Describe.model_validate({**same, "image": b"x"})
    larger = Upscale.model_validate({**same, "image": b"x"})
    for request in (described, larger):
        estimates.learn(request, 10.0)
        assert estimates.gpu_ms(request) == pytest.approx(10.0)
    assert estimates.gpu_ms(ImageRequest.model_validate(same)) is None
