"""The chart of `/stats`: pictures and GPU time by day, by member and by model, and how long jobs waited."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from bot.domain.quotas.usage import Usage
from bot.domain.quotas.windows import Span
from bot.ui.pictures import fonts

MOST_BARS = 8
_FEWEST = 7
"""Room for so many bars at least: a single one is a bar, not a wall."""
_BLUE, _PALE, _ORANGE, _GREY = "#4269d0", "#b4c3ee", "#efb118", "#9498a0"


@dataclass(frozen=True, slots=True)
class Report:
    """What the chart shows, counted."""

    pictures_by_day: Mapping[date, int]
    gpu_s_by_day: Mapping[date, float]
    gpu_s_by_member: Mapping[str, float]
    gpu_s_by_model: Mapping[str, float]
    waits_s: Sequence[float]
    timezone: str
    """In which the days begin."""

    @property
    def pictures(self) -> int:
        """Return the number of pictures."""
        return sum(self.pictures_by_day.values())

    @property
    def gpu_s(self) -> float:
        """Return the GPU time in seconds."""
        return sum(self.gpu_s_by_day.values())

    def wait_s(self, share: float) -> float:
        """Return the waiting time in seconds at this quantile of the jobs."""
        waits = sorted(self.waits_s)
        return waits[min(len(waits) - 1, int(share * len(waits)))] if waits else 0.0


def counted(
    usage: Usage, waits: Sequence[timedelta], names: Mapping[int, str], days: Sequence[Span], timezone: str
) -> Report:
    """The report of these days; one without pictures counts as none."""
    shown = [date.fromisoformat(day.key) for day in days]
    names = _told_apart(names)
    return Report(
        {day: usage.pictures_by_day.get(day, 0) for day in shown},
        {day: usage.gpu_ms_by_day.get(day, 0.0) / 1000 for day in shown},
        {names.get(member, str(member)): ms / 1000 for member, ms in usage.gpu_ms_by_member.items()},
        {model: ms / 1000 for model, ms in usage.gpu_ms_by_model.items()},
        [wait.total_seconds() for wait in waits],
        timezone,
    )


def _told_apart(names: Mapping[int, str]) -> Mapping[int, str]:
    """Return labels that differ, also for members with equal names."""
    common = Counter(names.values())
    return {member: name if common[name] == 1 else f"{name} …{member % 10_000:04d}" for member, name in names.items()}


def alt_text(report: Report) -> str:
    """The chart in words, for people who do not see it."""
    if not report.gpu_s_by_member:
        return "Four charts. Nothing was drawn in this time."
    busiest = max(report.pictures_by_day, key=lambda day: report.pictures_by_day[day])
    members, models = (
        ", ".join(f"{label} {value:.0f} s" for label, value in _ranked(values))
        for values in (report.gpu_s_by_member, report.gpu_s_by_model)
    )
    days = len(report.pictures_by_day)
    return (
        f"Four charts. {report.pictures} pictures and {report.gpu_s:.0f} GPU-seconds in "
        f"{days} {'day' if days == 1 else 'days'}, most on {busiest:%d %B} ({report.pictures_by_day[busiest]}). "
        f"GPU time by member: {members}. By model: {models}. "
        f"Half of the jobs waited {_at_most(report.wait_s(0.5))}, 95 of 100 {_at_most(report.wait_s(0.95))}."
    )[:1024]


def _at_most(wait_s: float) -> str:
    return f"up to {wait_s:.0f} s" if round(wait_s) else "less than a second"


def _ranked(values: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return the largest bars, numbered, so that the alt text can name them."""
    return [(f"{rank}. {name}", value) for rank, (name, value) in enumerate(list(values.items())[:MOST_BARS], 1)]


def draw(report: Report) -> bytes:
    """The four charts as one PNG. Call it off the event loop: it takes a second."""
    # Loaded when first drawn: it is large, and most bots start without ever drawing one.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(11, 7), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 2)
    _days(axes[0][0], report)
    _waits(axes[0][1], report)
    _bars(axes[1][0], "GPU time by member (s)", report.gpu_s_by_member)
    _bars(axes[1][1], "GPU time by model (s)", report.gpu_s_by_model)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _days(axes: Any, report: Report) -> None:
    axes.set_title(f"Pictures (bars) and GPU-seconds (line) by day ({report.timezone})")
    if not report.gpu_s:
        _nothing(axes)
        return
    days, room = list(report.pictures_by_day), max(_FEWEST, len(report.pictures_by_day))
    axes.bar(range(len(days)), list(report.pictures_by_day.values()), color=_BLUE)
    axes.locator_params(axis="y", integer=True)
    axes.set_xlim((len(days) - 1 - room) / 2, (len(days) - 1 + room) / 2)
    step = max(1, len(days) // 7)
    axes.set_xticks(range(0, len(days), step), [f"{day:%d %b}" for day in days[::step]])
    time = axes.twinx()
    time.plot(range(len(days)), list(report.gpu_s_by_day.values()), color=_ORANGE, marker="o")
    time.set_ylim(bottom=0)


def _waits(axes: Any, report: Report) -> None:
    axes.set_title("How long jobs waited (s)")
    if not report.waits_s:
        _nothing(axes)
        return
    bins = min(30, max(10, len(report.waits_s) // 5))
    axes.hist(list(report.waits_s), bins=bins, range=(0, max(1.0, *report.waits_s)), color=_GREY)
    axes.locator_params(axis="y", integer=True)
    axes.set_ylabel("jobs")


def _bars(axes: Any, title: str, values: Mapping[str, float]) -> None:
    axes.set_title(title)
    shown = _ranked(values)
    if not shown:
        _nothing(axes)
        return
    installed = fonts.installed()
    axes.barh(range(len(shown)), [value for _, value in shown], color=_PALE, height=0.7)
    for place, (label, _) in enumerate(shown):
        # Inside, so that a long name takes no room from the bars.
        drawn, families = fonts.drawable(label, *installed), [font.family for font in installed]
        axes.text(0, place, f" {drawn}", va="center", family=families, parse_math=False, clip_on=True)
    axes.set_yticks([])
    axes.set_ylim(max(_FEWEST, len(shown)) - 0.5, -0.5)


def _nothing(axes: Any) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, "nothing yet", ha="center", va="center", color=_GREY, transform=axes.transAxes)
