"""Quota windows: hours, days, weeks and months in a server's time zone, correct across clock changes."""

from __future__ import annotations

import difflib
import enum
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo

from bot.domain.model import Value
from bot.errors import BadOption

HOUR: Final = timedelta(hours=1)


class Window(enum.StrEnum):
    """The length of a window, shortest first."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Span(Value):
    """One window: [`start`, `end`) in UTC, and a key that names it."""

    key: str
    start: datetime
    end: datetime


def span(window: Window, now: datetime, zone: ZoneInfo) -> Span:
    """Return the window that contains `now`. Days, weeks and months begin at local midnight."""
    if window is Window.HOUR:
        return _hour(now, span(Window.DAY, now, zone))
    day = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if window is Window.DAY:
        key, first, after = f"{day:%Y-%m-%d}", day, day + timedelta(days=1)
    elif window is Window.WEEK:
        first = day - timedelta(days=day.weekday())
        key, after = f"{first:%G-W%V}", first + timedelta(days=7)
    else:
        first = day.replace(day=1)
        key, after = f"{first:%Y-%m}", (first + timedelta(days=32)).replace(day=1)
    return Span(key=key, start=_at(first, zone), end=_at(after, zone))


def last_days(count: int, now: datetime, zone: ZoneInfo) -> list[Span]:
    """Return the last `count` days, oldest first, including the day of `now`."""
    days = [span(Window.DAY, now, zone)]
    while len(days) < count:
        days.append(span(Window.DAY, days[-1].start - timedelta.resolution, zone))
    return days[::-1]


def _hour(now: datetime, day: Span) -> Span:
    """Return the hour of `now`, counted from midnight; if clocks move by 30 minutes, the day's last hour is short."""
    start = day.start + (now - day.start) // HOUR * HOUR
    return Span(key=f"{start:%Y-%m-%dT%H:%MZ}", start=start, end=min(start + HOUR, day.end))


def _at(midnight: datetime, zone: ZoneInfo) -> datetime:
    return midnight.replace(tzinfo=zone).astimezone(UTC)


def zone(name: str) -> ZoneInfo:
    """Return the time zone with this IANA name. Raises `BadOption` with the most similar name."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        known = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
        last = {entry.rpartition("/")[2].lower(): entry for entry in known}
        wanted = name.strip().rpartition("/")[2].lower().replace(" ", "_")
        near = [last[word] for word in difflib.get_close_matches(wanted, last, n=1, cutoff=0.7)]
        hint = f"did you mean {near[0]}?" if near else "write it as in Europe/Berlin or UTC"
        raise BadOption(name, f"there is no such time zone; {hint}") from None
