"""Which pictures a show picks, when it is, and how points are split."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.model import CellRef
from bot.domain.rounds.fame import points
from bot.domain.rounds.show_pick import MOST, Candidate, by_stars, pick
from bot.domain.rounds.show_plan import next_run

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def one(number: int, maker: int, *, stars: int = 0, days: float = 5.0, family: str = "") -> Candidate:
    job_id = f"j{number}"
    return Candidate(
        picture=CellRef(job_id=job_id, cell=0), member_id=maker, stars=stars, created_at=NOW - timedelta(days=days),
        family=family or job_id,
    )  # fmt: skip


def test_loved_unseen_and_new_hang_together() -> None:
    loved = [one(number, number, stars=10 + number) for number in range(20)]
    unseen = [one(100 + number, 50 + number) for number in range(20)]
    new = [one(200 + number, 90 + number) for number in range(5)]
    hung = pick([*loved, *unseen, *new], {90, 91, 92, 93, 94}, 7, NOW)
    assert len(hung) == MOST
    assert {each.member_id for each in hung if each.stars} == {14, 15, 16, 17, 18, 19}
    assert sum(each.member_id >= 90 for each in hung) >= 1
    assert sum(not each.stars for each in hung) == 4


@pytest.mark.parametrize("seed", range(5))
def test_nobody_hangs_more_than_two_and_no_family_more_than_one(seed: int) -> None:
    many = [one(number, number % 3, stars=number % 4, family=f"f{number % 40}") for number in range(500)]
    hung = pick(many, set(), seed, NOW)
    assert max(Counter(each.member_id for each in hung).values()) == 2
    assert len({each.family for each in hung}) == len(hung) == 6


def test_no_place_tells_how_a_picture_came_in() -> None:
    loved = [one(number, number, stars=9) for number in range(6)]
    unseen = [one(100 + number, 50 + number) for number in range(4)]
    shows = [pick([*loved, *unseen], set(), seed, NOW) for seed in range(300)]
    places = Counter(place for hung in shows for place, each in enumerate(hung) if each.stars)
    assert all(130 < places[place] < 230 for place in range(10))


def test_one_star_in_an_hour_is_not_better_than_ten_in_days() -> None:
    fresh, loved, old = one(1, 1, stars=1, days=0.04), one(2, 2, stars=10, days=3), one(3, 3, stars=3, days=20)
    among = [fresh, loved, old, *(one(number, 9) for number in range(10, 40))]
    assert by_stars([fresh, old, loved], among, NOW)[0] == loved
    quick = one(4, 4, stars=6, days=1)
    assert by_stars([old, quick], [*among, quick], NOW) == [quick, old], "sooner loved is more loved"


def test_few_pictures_all_hang_and_none_is_no_error() -> None:
    assert pick([], set(), 1, NOW) == []
    assert len(pick([one(1, 1), one(2, 2)], set(), 1, NOW)) == 2


@pytest.mark.parametrize(
    ("others", "expected"),
    [((), {1: 100}), ((2,), {1: 60, 2: 40}), ((2, 3, 4), {1: 60, 2: 14, 3: 13, 4: 13})],
)
def test_a_hundred_points_are_split(others: tuple[int, ...], expected: dict[int, int]) -> None:
    assert dict(points(1, others)) == expected


def test_the_weekday_and_hour_are_those_of_the_servers_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    winter = next_run(6, 18, berlin, datetime(2026, 3, 27, 12, tzinfo=UTC) - timedelta(days=7))
    assert winter == datetime(2026, 3, 22, 17, tzinfo=UTC)
    assert next_run(6, 18, berlin, winter) == datetime(2026, 3, 29, 16, tzinfo=UTC), "clocks have moved"
    assert next_run(6, 2, berlin, winter) == datetime(2026, 3, 29, 1, tzinfo=UTC), "an hour that there is not"
    assert next_run(6, 18, berlin, winter - timedelta(seconds=1)) == winter
