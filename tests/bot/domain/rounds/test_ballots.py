"""Counting ballots, for any ballots."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.rounds.ballots import count, dice, is_settled, quorum, winner
from bot.domain.rounds.round import Ballot

SLOTS = 4
BALLOTS = st.dictionaries(st.integers(1, 40), st.sets(st.integers(0, SLOTS - 1)), max_size=40).map(
    lambda marks: [Ballot(member_id=member, picks=tuple(sorted(picks))) for member, picks in marks.items()]
)


@given(BALLOTS, st.integers(0, 2**32))
def test_nobody_has_more_marks_than_the_winner(ballots: list[Ballot], seed: int) -> None:
    tally = count(ballots, SLOTS)
    chosen = winner(tally, seed)
    assert (chosen is None) == (tally.voters == 0)
    if chosen is not None:
        assert tally.marks[chosen] == max(tally.marks)
        ahead = dice(SLOTS, seed)[: dice(SLOTS, seed).index(chosen)]
        assert all(tally.marks[slot] < tally.marks[chosen] for slot in ahead)


@given(BALLOTS, st.integers(0, SLOTS - 1), st.integers(0, 2**32), st.sets(st.integers(1, 40)))
def test_a_settled_vote_ends_the_same_whatever_comes(
    ballots: list[Ballot], late_pick: int, seed: int, present: set[int]
) -> None:
    """Whoever has not voted yet, and all of them for the same slot, cannot change the winner."""
    voted = {ballot.member_id for ballot in ballots if ballot.picks}
    before = count(ballots, SLOTS)
    if not is_settled(before, present, voted):
        return
    late = [Ballot(member_id=member, picks=(late_pick,)) for member in present - voted]
    empty = [ballot for ballot in ballots if ballot.member_id not in {each.member_id for each in late}]
    assert winner(count([*empty, *late], SLOTS), seed) == winner(before, seed)


def test_a_quorum_is_two_at_least_and_two_in_five() -> None:
    assert [quorum(present) for present in (0, 1, 5, 6, 10, 11)] == [2, 2, 2, 3, 4, 5]


def test_a_mark_is_set_and_taken_back() -> None:
    ballot = Ballot(member_id=1).toggled(2).toggled(0)
    assert ballot.picks == (0, 2) and ballot.toggled(2).picks == (0,)


def test_ballots_of_banned_members_do_not_count() -> None:
    ballots = [Ballot(member_id=1, picks=(0,)), Ballot(member_id=2, picks=(1,))]
    assert count(ballots, SLOTS, without={2}).marks == (1, 0, 0, 0)
