"""Which pictures hang in a show: loved ones, some that nobody has seen, and one by somebody new. Pure.

Stars alone would show the same makers every week, and whoever is seen gets more stars (Muchnik, Aral and Taylor,
Science 341, 2013). So stars are only one of the ways in.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from bot.domain.model import CellRef, Value

MOST = 10
BY_STARS, UNSEEN, NEWCOMERS = 6, 3, 1
PER_MAKER = 2
WINDOW = timedelta(days=28)
"""Only pictures of this time, and who has made none before it is new."""
SEEN_FOR_DAYS = 3.0
"""So long a picture in a channel is taken to gather stars."""
PRIOR_DAYS = 1.0
"""Each picture counts as if it had gathered stars so much longer, at the server's mean rate."""
FEW_STARS = 1
"""Up to so many: as good as never seen."""


class Candidate(Value):
    """A picture that may hang."""

    picture: CellRef
    member_id: int
    stars: int
    """Of other members than its maker."""
    created_at: datetime
    family: str
    """The job at the root of its lineage: one of each family hangs."""


def pick(candidates: Sequence[Candidate], newcomers: Collection[int], seed: int, now: datetime) -> list[Candidate]:
    """At most ten, in the order of their places: chance decides it, so that no place tells how one came in."""
    dice = random.Random(f"show {seed}")  # noqa: S311 - a fair order, not a secret
    shuffled = dice.sample(list(candidates), len(candidates))
    loved = by_stars([one for one in shuffled if one.stars], candidates, now)
    unseen = [one for one in shuffled if one.stars <= FEW_STARS]
    new = [one for one in shuffled if one.member_id in newcomers]
    hung = list[Candidate]()
    _hang(hung, loved, BY_STARS)
    _hang(hung, new, NEWCOMERS, per_maker=1)
    _hang(hung, unseen, UNSEEN, per_maker=1)
    for rest in (unseen, loved):
        _hang(hung, rest, MOST - len(hung))
    return dice.sample(hung, len(hung))


def by_stars(loved: Iterable[Candidate], all_of_them: Sequence[Candidate], now: datetime) -> list[Candidate]:
    """In the order of how many stars a day each is expected to get.

    Stars are taken to come at a rate of the picture's own, drawn from a gamma distribution with the server's mean: the
    posterior mean is (prior stars + stars) / (prior time + time). One star in an hour is not better than ten in three
    days (empirical Bayes for Poisson rates: Robbins 1956; Efron and Morris, JASA 70, 1975).
    """
    days_seen = sum(_days_seen(one, now) for one in all_of_them)
    prior = PRIOR_DAYS * sum(one.stars for one in all_of_them) / max(days_seen, PRIOR_DAYS)
    return sorted(loved, key=lambda one: -(prior + one.stars) / (PRIOR_DAYS + _days_seen(one, now)))


def _days_seen(one: Candidate, now: datetime) -> float:
    return max(0.0, min((now - one.created_at) / timedelta(days=1), SEEN_FOR_DAYS))


def _hang(hung: list[Candidate], some: Iterable[Candidate], seats: int, *, per_maker: int = PER_MAKER) -> None:
    makers, families = Counter(one.member_id for one in hung), {one.family for one in hung}
    for one in some:
        if seats <= 0:
            return
        if makers[one.member_id] >= per_maker or one.family in families:
            continue
        hung.append(one)
        makers[one.member_id] += 1
        families.add(one.family)
        seats -= 1
