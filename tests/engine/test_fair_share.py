"""Nobody starves, shares follow the weights, the first-preview boost stays within its share."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.fair_share import Claim, FairShare

COSTS = st.floats(1.0, 500.0)
NO_AGEING = 1e9


def claim(member: str, id: str = "", **fields: object) -> Claim:
    return Claim(**{"id": id or member, "member": member, "arrived_s": 0.0, **fields})  # pyright: ignore


def run(share: FairShare, claims: list[Claim], costs: list[float], start_s: float = 0.0) -> list[Claim]:
    """Serve the head of the order once per cost, as a device would; return whom it served."""
    now_s, served = start_s, []
    for cost_ms in costs:
        head = share.take_turn(claims, now_s)[0]
        now_s += cost_ms / 1000
        share.charge(head.member, cost_ms, now_s)
        served.append(head)
    return served


@given(st.lists(st.floats(0.2, 8.0), min_size=2, max_size=6), st.lists(COSTS, min_size=50, max_size=300))
def test_shares_converge_to_weights(weights: list[float], costs: list[float]) -> None:
    share = FairShare(ageing_s=NO_AGEING, quantum_requests=1.0, request_ms=100.0)
    claims = [claim(str(number)) for number in range(len(weights))]
    for number, weight in enumerate(weights):
        share.join(str(number), weight)
    run(share, claims, costs)
    served = share.served()
    virtual = [served.get(str(number), 0.0) / weight for number, weight in enumerate(weights)]
    bound = 2 * 500.0 / min(weights)  # that of start-time fair queueing
    assert max(virtual) - min(virtual) <= bound + 100.0


@given(
    st.lists(st.integers(0, 2), min_size=2, max_size=6),
    st.lists(st.floats(0.01, 100.0), min_size=6, max_size=6),
    st.lists(COSTS, min_size=400, max_size=400),
)
@settings(max_examples=50)
def test_nobody_starves_whatever_the_classes_and_weights(
    classes: list[int], weights: list[float], costs: list[float]
) -> None:
    ageing_s = 2.0
    share = FairShare(ageing_s=ageing_s)
    claims = [claim(str(number), priority=priority) for number, priority in enumerate(classes)]
    for number in range(len(classes)):
        share.join(str(number), weights[number])
    last_s, now_s, longest_s = dict.fromkeys(range(len(classes)), 0.0), 0.0, 0.0
    for cost_ms in costs:
        head = share.take_turn(claims, now_s)[0]
        now_s += cost_ms / 1000
        share.charge(head.member, cost_ms, now_s)
        last_s[int(head.member)] = now_s
        longest_s = max(longest_s, max(now_s - since_s for since_s in last_s.values()))
    assert longest_s <= 3 * ageing_s + (len(classes) + 1) * 0.5


@given(st.floats(0.0, 1.0), st.integers(1, 5), st.lists(COSTS, min_size=20, max_size=200))
def test_the_boost_is_bounded(boost: float, newcomers: int, costs: list[float]) -> None:
    share = FairShare(first_preview_share=boost, ageing_s=NO_AGEING)
    old = claim("old")
    share.join("old")
    new = [claim("heavy", f"new{number}", first_preview=True) for number in range(newcomers)]
    share.join("heavy", served_ms=1e9)
    boosted = [head for head in run(share, [old, *new], costs) if head.first_preview]
    assert len(boosted) <= boost * len(costs) + 4
    if boost > 0.1:
        assert boosted, "a bounded boost is still a boost"


@given(st.floats(0.0, 1e7), st.floats(0.0, 1e7))
def test_credit_of_a_returning_member_is_bounded(before_ms: float, away_ms: float) -> None:
    share = FairShare(credit_ms=1000.0, ageing_s=NO_AGEING)
    for member in ("here", "away"):
        share.join(member)
        share.charge(member, before_ms, 0.0)
    share.leave("away")
    share.charge("here", away_ms, 0.0)
    share.join("away")
    share.join("newcomer")
    for member in ("away", "newcomer"):
        assert share.virtual_ms("here") - share.virtual_ms(member) <= 1000.0 + 1e-3


def test_a_newcomer_does_not_start_at_zero() -> None:
    share = FairShare(credit_ms=0.0)
    share.join("here")
    share.charge("here", 5000.0, 0.0)
    share.join("new")
    assert share.virtual_ms("new") == 5000.0


def test_a_restart_forgives_differences_beyond_the_credit() -> None:
    share = FairShare(credit_ms=1000.0)
    share.restore({"heavy": 1e6, "light": 10.0})
    share.join("heavy")
    share.join("light")
    assert share.virtual_ms("heavy") - share.virtual_ms("light") == 1000.0
    assert share.served() == {"heavy": 1e6, "light": 10.0}


def test_an_absent_member_who_asked_less_goes_first_knowing_why() -> None:
    share = FairShare()
    heavy, light = claim("heavy", arrived_s=0.0), claim("light", arrived_s=9.0)
    share.join("heavy")
    share.charge("heavy", 20_000.0, 1.0)
    share.join("light")
    assert share.order([heavy, light], 10.0) == [light, heavy]
    assert share.why_first(light, heavy, share.ranks([heavy, light], 10.0)) == "they asked less today"


@pytest.mark.parametrize(
    ("ahead", "behind", "reason"),
    [
        (claim("a", "1"), claim("a", "2"), "your own earlier requests"),
        (claim("b", priority=0), claim("a"), "they have priority"),
        (claim("b"), claim("a", arrived_s=1.0), "they came first"),
        (claim("b", arrived_s=-1000.0), claim("a", priority=0), "they have waited longest"),
    ],
)
def test_every_reason_has_words(ahead: Claim, behind: Claim, reason: str) -> None:
    share = FairShare()
    assert share.order([behind, ahead], 1.0) == [ahead, behind]
    assert share.why_first(ahead, behind, share.ranks([ahead, behind], 1.0)) == reason


def test_a_member_who_is_served_does_not_age_into_fifo() -> None:
    share = FairShare(ageing_s=1.0)
    queue = [claim("heavy", str(number)) for number in range(20)]
    share.join("heavy")
    share.charge("heavy", 60_000.0, 99.9)
    share.join("light")
    light = claim("light", arrived_s=100.0)
    assert share.order([*queue, light], 100.0)[0] is light


def test_pending_work_counts_before_it_is_charged() -> None:
    share = FairShare()
    share.join("busy")
    share.join("free")
    assert share.order([claim("busy", pending_ms=9000.0), claim("free")], 0.0)[0].member == "free"


def test_a_members_own_shorter_request_goes_first() -> None:
    share = FairShare()
    share.join("a")
    order = share.order([claim("a", "long", work=50), claim("a", "short", work=4)], 0.0)
    assert [one.id for one in order] == ["short", "long"]


def test_of_equal_requests_the_earlier_goes_first_at_each_step() -> None:
    share = FairShare()
    for member in "ab":
        share.join(member)
    share.charge("a", 100.0, 1.0)
    began, newcomer = claim("a", charged_ms=100.0), claim("b", arrived_s=1.0)
    assert share.order([newcomer, began], 1.0)[0] is began


def test_a_requests_own_steps_put_it_behind_no_later_equal() -> None:
    share = FairShare(request_ms=100.0)
    for member in "ab":
        share.join(member)
    share.charge("a", 399.0, 1.0)  # twice what counts as equal, all of it for this one
    began, newcomer = claim("a", charged_ms=399.0), claim("b", arrived_s=1.0)
    assert share.order([newcomer, began], 1.0)[0] is began
    share.charge("a", 2.0, 1.0)
    began = claim("a", charged_ms=401.0)
    assert share.order([newcomer, began], 1.0)[0] is newcomer, "nobody has the device for as long as they like"


def test_a_members_later_requests_do_not_delay_their_first() -> None:
    share = FairShare(request_ms=100.0)
    share.join("a")
    share.join("b")
    share.charge("a", 250.0, 1.0)
    first, second = claim("a", "1"), claim("a", "2", arrived_s=0.1, charged_ms=250.0)
    assert share.order([claim("b", arrived_s=0.2), second, first], 1.0)[0] is first


def test_what_counts_as_equal_follows_what_requests_take() -> None:
    share = FairShare()
    for member in "ab":
        share.join(member)
    share.charge("a", 1_000.0, 1.0)
    earlier, later = claim("a"), claim("b", arrived_s=1.0)
    assert share.order([later, earlier], 1.0)[0] is earlier, "half of a large request is nothing"
    for _ in range(60):  # as it turns out, requests are small
        share.join("c")
        share.charge("c", 20.0, 1.0)
        share.leave("c", 20.0)
    assert share.order([later, earlier], 1.0)[0] is later


def test_asking_and_cancelling_makes_no_others_take_turns() -> None:
    share = FairShare()
    for member in "ab":
        share.join(member)
    share.charge("a", 1_000.0, 1.0)
    for _ in range(60):
        share.join("c")
        share.charge("c", 1.0, 1.0)
        share.leave("c")
    earlier, later = claim("a"), claim("b", arrived_s=1.0)
    assert share.order([later, earlier], 1.0)[0] is earlier


def test_what_was_given_before_a_restart_is_weighed() -> None:
    share = FairShare(credit_ms=1e9)
    share.restore({"paying": 8e4, "other": 4e4}, {"paying": 4.0})
    share.join("paying", 4.0)
    share.join("other")
    assert share.virtual_ms("paying") / 4.0 == 2e4
    paying, other = claim("paying", arrived_s=1.0), claim("other")
    assert share.order([other, paying], 1.0)[0] is paying


@given(st.lists(COSTS, min_size=60, max_size=300), st.integers(1, 4), st.floats(0.2, 4.0))
def test_forgetting_who_left_changes_no_order(costs: list[float], idle: int, weight: float) -> None:
    kept, forgetting = FairShare(), FairShare(most_idle=idle)
    for share in (kept, forgetting):
        share.join("regular", weight)
        share.join("another")
    regulars = [claim("regular"), claim("another")]
    for number, cost_ms in enumerate(costs):
        claims = [*regulars, claim(f"stranger {number}", arrived_s=number)]
        for share in (kept, forgetting):
            share.join(f"stranger {number}")
        ranked = kept.order(claims, number)
        assert forgetting.order(claims, number) == ranked
        for share in (kept, forgetting):
            share.charge(ranked[0].member, cost_ms, number)
            share.leave(f"stranger {number}", cost_ms)


def test_the_accounts_of_members_who_left_are_bounded() -> None:
    share = FairShare(most_idle=10)
    for number in range(1000):
        share.join(f"guest {number}")
        share.charge(f"guest {number}", 100.0 + number % 7, float(number))
        share.leave(f"guest {number}", 100.0)
    assert 10 <= len(share.served()) <= 20


def test_those_who_were_served_most_are_remembered() -> None:
    share = FairShare(most_idle=10, credit_ms=30_000.0)
    share.join("heavy")
    share.charge("heavy", 25_000.0, 0.0)
    share.leave("heavy", 25_000.0)
    for number in range(1000):
        share.join(f"guest {number}")
        share.charge(f"guest {number}", 2_000.0, float(number))
        share.leave(f"guest {number}", 2_000.0)
    share.join("heavy")
    share.join("newcomer")
    assert share.virtual_ms("heavy") - share.virtual_ms("newcomer") == 25_000.0


def test_a_restart_remembers_no_more_members_either() -> None:
    share = FairShare(most_idle=10)
    share.restore({str(number): float(number) for number in range(1, 1000)})
    assert len(share.served()) <= 20 and "999" in share.served()
