"""The points of one turn, as in Dixit: a secret that nobody or everybody finds earns its teller nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from bot.domain.games.captions import Caption

FOUND, CONSOLED, BELIEVED = 3, 2, 1


def points(captions: Sequence[Caption], votes: Mapping[int, int], teller: int | None) -> dict[int, int]:
    """Points by member.

    Nobody or everybody of those who voted found the truth: they get 2 each and the teller 0. Otherwise the teller and
    the finders get 3 each. Each vote for a fake gives each of its authors 1. Without a teller only finders get 3.
    """
    won: Counter[int] = Counter(dict.fromkeys(votes, 0))
    if teller is not None:
        won[teller] += 0
    finders = [member for member, place in votes.items() if captions[place].is_true]
    if teller is not None and len(finders) in (0, len(votes)):
        won.update(dict.fromkeys(votes, CONSOLED))
    else:
        won.update(dict.fromkeys(finders, FOUND))
        won.update({} if teller is None else {teller: FOUND})
    for place in votes.values():
        if not captions[place].is_true:
            won.update(dict.fromkeys(captions[place].authors, BELIEVED))
    return dict(won)
