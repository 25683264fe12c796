"""Windows of quotas: hours, days, weeks and months on a server's calendar, whatever its clocks do."""

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
    """How long a limit lasts, from the shortest."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Span(Value):
    """One window on the calendar: from `start` until before `end`, in UTC, under a key that names it."""

    key: str
    start: datetime
    end: datetime


def span(window: Window, now: datetime, zone: ZoneInfo) -> Span:
    """The window `now` falls into. Days, weeks and months begin at local midnight, whatever the clocks do that day."""
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
    """So many days, the one of `now` last."""
    days = [span(Window.DAY, now, zone)]
    while len(days) < count:
        days.append(span(Window.DAY, days[-1].start - timedelta.resolution, zone))
    return days[::-1]


def _hour(now: datetime, day: Span) -> Span:
    """Hours are counted from midnight: where clocks move by half an hour, the day's last one is the shorter one."""
    start = day.start + (now - day.start) // HOUR * HOUR
    return Span(key=f"{start:%Y-%m-%dT%H:%MZ}", start=start, end=min(start + HOUR, day.end))


def _at(midnight: datetime, zone: ZoneInfo) -> datetime:
    return midnight.replace(tzinfo=zone).astimezone(UTC)


def zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises `BadOption` with the nearest name there is."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        known = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
        last = {entry.rpartition("/")[2].lower(): entry for entry in known}
        wanted = name.strip().rpartition("/")[2].lower().replace(" ", "_")
        near = [last[word] for word in difflib.get_close_matches(wanted, last, n=1, cutoff=0.7)]
        hint = f"did you mean {near[0]}?" if near else "write it as in Europe/Berlin or UTC"
        raise BadOption(name, f"there is no such time zone; {hint}") from None
