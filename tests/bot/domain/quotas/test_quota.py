from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.model import Member
from bot.domain.quotas.quota import Limit, Scope, Unit, member_limit, with_limit
from bot.domain.quotas.windows import Window, span, zone
from bot.errors import BadOption

ZONES = sorted(available_timezones())
NEAR = st.timedeltas(timedelta(hours=-30), timedelta(hours=30))
MODERATOR = Member(id=1, name="mod", role_ids=(7,), is_moderator=True)


def limit(amount: float | None, scope: Scope = Scope.EVERYONE, subject: int = 0) -> Limit:
    return Limit(scope=scope, subject_id=subject, unit=Unit.PICTURES, window=Window.DAY, amount=amount)


@functools.cache
def changes(name: str) -> list[datetime]:
    """The days after which a zone's clocks show another offset, 2005 to 2040."""
    days = [datetime(2005, 1, 1, tzinfo=UTC) + timedelta(days=number) for number in range(12_800)]
    offsets = [day.astimezone(ZoneInfo(name)).utcoffset() for day in days]
    return [day for day, here, following in zip(days, offsets, offsets[1:], strict=False) if here != following]


@st.composite
def moments(draw: st.DrawFn) -> tuple[datetime, ZoneInfo]:
    """Any moment in any zone, most of them near a change of its clocks."""
    name = draw(st.sampled_from(ZONES))
    found = changes(name)
    if found and draw(st.integers(0, 3)):
        return draw(st.sampled_from(found)) + timedelta(days=1) + draw(NEAR), ZoneInfo(name)
    return datetime.fromtimestamp(draw(st.integers(1_100_000_000, 2_200_000_000)), UTC), ZoneInfo(name)


@given(where=moments(), window=st.sampled_from(Window))
def test_windows_hold_their_moments_and_leave_no_gap(where: tuple[datetime, ZoneInfo], window: Window) -> None:
    moment, zoned = where
    here = span(window, moment, zoned)
    assert here.start <= moment < here.end
    assert span(window, here.start, zoned) == here
    before, following = span(window, here.start - timedelta.resolution, zoned), span(window, here.end, zoned)
    assert (before.end, following.start) == (here.start, here.end)
    assert len({before.key, here.key, following.key}) == 3
    assert before.key < here.key < following.key


@given(where=moments(), window=st.sampled_from([Window.HOUR, Window.WEEK, Window.MONTH]))
def test_hours_weeks_and_months_are_made_of_whole_days(where: tuple[datetime, ZoneInfo], window: Window) -> None:
    moment, zoned = where
    here, day = span(window, moment, zoned), span(Window.DAY, moment, zoned)
    inner, outer = (here, day) if window is Window.HOUR else (day, here)
    assert outer.start <= inner.start < inner.end <= outer.end


def test_a_half_hour_clock_change_counts_no_hour_twice() -> None:
    # Lord Howe Island, 5 April 2026: at 2:00 the clocks went back to 1:30, at 15:00 UTC.
    zoned, moment = ZoneInfo("Australia/Lord_Howe"), datetime(2026, 4, 4, 15, 15, tzinfo=UTC)
    here = span(Window.HOUR, moment, zoned)
    before = span(Window.HOUR, moment - timedelta(minutes=30), zoned)
    assert (before.start, before.end, here.end) == (
        datetime(2026, 4, 4, 14, tzinfo=UTC), datetime(2026, 4, 4, 15, tzinfo=UTC), datetime(2026, 4, 4, 16, tzinfo=UTC)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("window", "moment", "start", "end"),
    [
        # The day the clocks go forward has 23 hours, the day they go back 25.
        (Window.DAY, "2026-03-29T12:00Z", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
        (Window.DAY, "2026-10-25T12:00Z", "2026-10-24T22:00Z", "2026-10-25T23:00Z"),
        (Window.HOUR, "2026-10-25T00:30Z", "2026-10-25T00:00Z", "2026-10-25T01:00Z"),
        (Window.HOUR, "2026-10-25T01:30Z", "2026-10-25T01:00Z", "2026-10-25T02:00Z"),
        (Window.WEEK, "2026-03-29T21:59Z", "2026-03-22T23:00Z", "2026-03-29T22:00Z"),
        (Window.MONTH, "2026-03-31T23:00Z", "2026-03-31T22:00Z", "2026-04-30T22:00Z"),
    ],
)
def test_windows_when_the_clocks_change_in_berlin(window: Window, moment: str, start: str, end: str) -> None:
    found = span(window, datetime.fromisoformat(moment), ZoneInfo("Europe/Berlin"))
    assert (found.start, found.end) == (datetime.fromisoformat(start), datetime.fromisoformat(end))


def test_the_hour_the_clocks_repeat_is_two_windows() -> None:
    first = span(Window.HOUR, datetime(2026, 10, 25, 0, 30, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    second = span(Window.HOUR, datetime(2026, 10, 25, 1, 30, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    assert first.key != second.key
    assert second.start - first.start == timedelta(hours=1)


def test_a_day_that_was_left_out_of_the_calendar() -> None:
    # Samoa skipped 30 December 2011.
    day = span(Window.DAY, datetime(2011, 12, 30, 9, tzinfo=UTC), ZoneInfo("Pacific/Apia"))
    assert day.start <= datetime(2011, 12, 30, 9, tzinfo=UTC) < day.end


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Berlin", "Europe/Berlin"),
        ("Europe/Berln", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("../etc", "UTC"),
        ("", "UTC"),
    ],
)
def test_a_time_zone_that_does_not_exist_is_refused_with_a_hint(name: str, hint: str) -> None:
    with pytest.raises(BadOption) as caught:
        zone(name)
    assert hint in caught.value.hint


def test_roles_are_generous_and_members_come_first() -> None:
    limits = [
        limit(9),
        limit(2, Scope.ROLE, 70),
        limit(4, Scope.ROLE, 71),
        limit(None, Scope.ROLE, 72),
        limit(1, Scope.MEMBER, 5),
    ]

    def amount(member_id: int, *roles: int) -> float | None:
        found = member_limit(limits, Unit.PICTURES, Window.DAY, Member(id=member_id, name="", role_ids=roles))
        assert found is not None
        return found.amount

    assert amount(1) == 9
    assert amount(1, 70) == 2
    assert amount(1, 70, 71) == 4
    assert amount(1, 70, 72) is None
    assert amount(5, 70, 72) == 1
    assert member_limit(limits, Unit.GPU_SECONDS, Window.DAY, MODERATOR) is None


def test_setting_again_replaces() -> None:
    once = with_limit((), limit(9), MODERATOR)
    assert with_limit(once, limit(5), MODERATOR) == (limit(5),)


@pytest.mark.parametrize("amount", [-1, -0.5, float("inf"), 1e12])
def test_impossible_amounts_are_refused(amount: float) -> None:
    with pytest.raises(BadOption, match="a number from 0"):
        with_limit((), limit(amount), MODERATOR)


@pytest.mark.parametrize("new", [limit(0), limit(0, Scope.ROLE, 7), limit(0, Scope.MEMBER, 1)])
def test_moderators_cannot_lock_themselves_out(new: Limit) -> None:
    with pytest.raises(BadOption, match="leave you nothing"):
        with_limit((), new, MODERATOR)
    mine = limit(5, Scope.MEMBER, 1)
    if new.scope is not Scope.MEMBER:
        assert with_limit((mine,), new, MODERATOR) == (mine, new)
