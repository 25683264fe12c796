"""What the chart of `/stats` counts and says; how it looks is for eyes."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.quotas.usage import Usage
from bot.domain.quotas.windows import last_days
from bot.ui.pictures import usage_chart

DAY = date(2026, 3, 1)
DAYS = last_days(7, datetime(2026, 3, 1, 12, tzinfo=UTC), ZoneInfo("UTC"))


def used(members: dict[int, float]) -> Usage:
    spent = sum(members.values())
    return Usage({DAY: 4 * len(members)}, {DAY: spent}, members, {"pocket": spent})


def test_members_of_one_name_have_bars_of_their_own() -> None:
    report = usage_chart.counted(
        used({200_002: 3000.0, 100_001: 2000.0}),
        [timedelta(seconds=2)],
        {100_001: "sam", 200_002: "sam"},
        DAYS[-1:],
        "UTC",
    )
    assert report.gpu_s_by_member == {"sam …0002": 3.0, "sam …0001": 2.0}
    assert "1. sam …0002 3 s, 2. sam …0001 2 s" in usage_chart.alt_text(report)


def test_an_empty_time_is_drawn_and_said() -> None:
    report = usage_chart.counted(used({}), [], {}, DAYS, "UTC")
    assert usage_chart.alt_text(report) == "Four charts. Nothing was drawn in this time."
    assert usage_chart.draw(report).startswith(b"\x89PNG")


def test_names_without_glyphs_are_numbered_in_chart_and_words() -> None:
    names = {1: "田中さくら", 2: "🦊 $5 fox", 3: "x\u202eevil", 4: "W" * 32}
    members = {member: 1000.0 * member for member in sorted(names, reverse=True)}
    report = usage_chart.counted(used(members), [timedelta(seconds=0.3)], names, DAYS[-1:], "UTC")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of letters that it draws as boxes
        assert usage_chart.draw(report).startswith(b"\x89PNG")
    assert "4. 田中さくら 1 s" in usage_chart.alt_text(report)
    assert "GPU-seconds in 1 day, " in usage_chart.alt_text(report)
    assert "Half of the jobs waited less than a second, 95 of 100 less than a second." in usage_chart.alt_text(report)
