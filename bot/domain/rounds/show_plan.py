"""When a server has its weekly show, and where. Pure."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.domain.model import Member, Place, Value
from bot.domain.rounds.round import Round, RoundKind, RoundState

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
OPEN_FOR = timedelta(hours=48)
LEAST, LEAST_WEEKLY = 2, 6
"""Between fewer pictures there is nothing to decide; a weekly show of fewer is left out."""
HOST = Member(id=0, name="the show")
"""Nobody began it: it ends by its time, or by moderators."""


class ShowPlan(Value):
    """One row of the table `show_plans`."""

    place: Place
    version: int = 0
    weekday: int
    """0 is Monday."""
    hour: int
    """0 to 23, in the server's time zone."""
    next_at: datetime | None
    """None: switched off."""
    note: str = ""
    """Why the last one did not take place, in words for moderators."""

    @property
    def guild_id(self) -> int:
        """The server."""
        return self.place.guild_id or 0


class ShowSettings(Value):
    """`Round.settings` of `RoundKind.SHOW`."""

    least: int = LEAST
    """With fewer pictures it does not take place."""
    is_weekly: bool = False
    reveal_id: int | None = None
    """The message that tells who made what, once it is posted."""


def settings_of(current: Round) -> ShowSettings:
    """What was agreed for this show."""
    return ShowSettings.model_validate_json(current.settings)


def next_run(weekday: int, hour: int, zone: ZoneInfo, after: datetime) -> datetime:
    """The first time after `after`, in UTC, at which this weekday and hour begin there."""
    local = after.astimezone(zone)
    day = local.date() + timedelta(days=(weekday - local.weekday()) % 7)
    while True:
        at = datetime.combine(day, time(hour), zone).astimezone(UTC)
        if at > after:
            return at
        day += timedelta(days=7)


def show_of(
    place: Place, unique: str, seed: int, now: datetime, *, open_for: timedelta = OPEN_FOR, is_weekly: bool = False
) -> Round:
    """A show that is about to pick its pictures."""
    settings = ShowSettings(least=LEAST_WEEKLY if is_weekly else LEAST, is_weekly=is_weekly)
    return Round(
        id=hashlib.sha256(f"show {unique}".encode()).hexdigest()[:16], kind=RoundKind.SHOW, state=RoundState.DRAWING,
        host=HOST, place=place, settings=settings.model_dump_json(), slots=0, seed=seed, due_at=now,
        duration_s=open_for.total_seconds(), created_at=now,
    )  # fmt: skip
