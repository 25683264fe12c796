"""Counting approval ballots: tallies, ties, quorum and early ends. Pure.

Approval voting lets each member mark any number of candidates; the most marks win. Votes are secret until the end,
because seen votes pull later ones along (Muchnik, Aral and Taylor, Science 341, 2013).
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from bot.domain.rounds.entry import Entry
from bot.domain.rounds.round import Ballot

QUORUM_SHARE = 0.4
SMALLEST_QUORUM = 2


@dataclass(frozen=True, slots=True)
class Tally:
    """The marks of each slot, and the number of members who marked any."""

    marks: tuple[int, ...]
    voters: int

    @property
    def lead(self) -> int:
        """The lead of the first slot over the second, in marks."""
        first, second, *_ = [*sorted(self.marks, reverse=True), 0, 0]
        return first - second


def without_slots(ballots: Iterable[Ballot], void: Collection[int]) -> list[Ballot]:
    """The ballots without marks at slots that were voided."""
    return [
        ballot.model_copy(update={"picks": tuple(pick for pick in ballot.picks if pick not in void)})
        for ballot in ballots
    ]


def without_own(ballots: Iterable[Ballot], choices: Sequence[Entry]) -> list[Ballot]:
    """The ballots without marks of members at pictures that they made themselves."""
    own = {(entry.member_id, entry.place) for entry in choices}
    return [
        ballot.model_copy(update={"picks": tuple(pick for pick in ballot.picks if (ballot.member_id, pick) not in own)})
        for ballot in ballots
    ]


def count(ballots: Iterable[Ballot], slots: int, *, without: Collection[int] = ()) -> Tally:
    """The tally of all ballots but those of the members in `without`; an empty ballot is no vote."""
    valid = [ballot for ballot in ballots if ballot.picks and ballot.member_id not in without]
    return Tally(tuple(sum(slot in ballot.picks for ballot in valid) for slot in range(slots)), len(valid))


def dice(slots: int, seed: int) -> tuple[int, ...]:
    """The order in which slots with equally many marks win: fixed by the round's seed before anybody votes."""
    return tuple(random.Random(seed).sample(range(slots), slots))  # noqa: S311 - a fair order, not a secret


def winner(tally: Tally, seed: int) -> int | None:
    """The slot with the most marks, ties broken by `dice`; None when nobody voted."""
    if tally.voters == 0:
        return None
    order = dice(len(tally.marks), seed)
    return max(range(len(tally.marks)), key=lambda slot: (tally.marks[slot], -order.index(slot)))


def quorum(present: int) -> int:
    """How many must vote for a group of this many: 40 % of it, and two at least."""
    return max(SMALLEST_QUORUM, math.ceil(QUORUM_SHARE * present))


def is_settled(tally: Tally, present: Collection[int], voted: Collection[int]) -> bool:
    """Whether further votes could change nothing: quorum reached, and all have voted or the lead cannot be caught.

    `present` are the members who are expected to vote. A later ballot can move any two slots apart by one mark.
    """
    if tally.voters < quorum(len(present)):
        return False
    missing = len(set(present) - set(voted))
    return missing == 0 or tally.lead > missing


def letters(picks: Sequence[int]) -> str:
    """Slots as members see them: "A, C"."""
    return ", ".join("ABCDEFGHIJ"[slot] for slot in picks)
