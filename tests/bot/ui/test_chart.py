"""What the chart of `/stats` counts and says; how it looks is for eyes."""

from __future__ import annotations

from datetime import date, timedelta

from bot.domain.usage import DayUse
from bot.ui import chart

DAY = date(2026, 3, 1)


def test_members_of_one_name_have_bars_of_their_own() -> None:
    uses = [DayUse(DAY, 100_001, "pocket", 1, 4, 2000.0), DayUse(DAY, 200_002, "pocket", 1, 4, 3000.0)]
    report = chart.counted(uses, [timedelta(seconds=2)], {100_001: "sam", 200_002: "sam"}, DAY, DAY)
    assert report.gpu_s_by_member == {"sam …0002": 3.0, "sam …0001": 2.0}
    assert "sam …0002 3 s, sam …0001 2 s" in chart.alt_text(report)


def test_an_empty_time_is_drawn_and_said() -> None:
    report = chart.counted([], [], {}, DAY - timedelta(days=6), DAY)
    assert chart.alt_text(report) == "Four charts. Nothing was drawn in this time."
    assert chart.draw(report).startswith(b"\x89PNG")
