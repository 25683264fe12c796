"""The chart of `/stats`: pictures and GPU time by day, by member and by model, and how long jobs waited."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from bot.domain.usage import DayUse

MOST_BARS = 8
_BLUE, _ORANGE, _GREY = "#4269d0", "#efb118", "#9498a0"


@dataclass(frozen=True, slots=True)
class Report:
    """What the chart shows, counted."""

    pictures_by_day: Mapping[date, int]
    gpu_s_by_day: Mapping[date, float]
    gpu_s_by_member: Mapping[str, float]
    gpu_s_by_model: Mapping[str, float]
    waits_s: Sequence[float]

    @property
    def pictures(self) -> int:
        """All pictures."""
        return sum(self.pictures_by_day.values())

    @property
    def gpu_s(self) -> float:
        """All GPU time."""
        return sum(self.gpu_s_by_day.values())

    def wait_s(self, share: float) -> float:
        """So long at most waited this share of the jobs."""
        waits = sorted(self.waits_s)
        return waits[min(len(waits) - 1, int(share * len(waits)))] if waits else 0.0


def counted(
    uses: Sequence[DayUse], waits: Sequence[timedelta], names: Mapping[int, str], first: date, last: date
) -> Report:
    """The report of the days from `first` to `last`; a day without pictures counts as none."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    pictures, gpu_s = Counter[date](), Counter[date]()
    members, models = Counter[str](), Counter[str]()
    names = _told_apart(names)
    for use in uses:
        pictures[use.day] += use.pictures
        gpu_s[use.day] += use.gpu_ms / 1000  # pyright: ignore[reportArgumentType] - counters add floats as well
        members[names.get(use.member_id, str(use.member_id))] += use.gpu_ms / 1000  # pyright: ignore[reportArgumentType]
        models[use.model] += use.gpu_ms / 1000  # pyright: ignore[reportArgumentType]
    return Report(
        {day: pictures[day] for day in days},
        {day: float(gpu_s[day]) for day in days},
        {name: float(value) for name, value in members.most_common()},
        {name: float(value) for name, value in models.most_common()},
        [wait.total_seconds() for wait in waits],
    )


def _told_apart(names: Mapping[int, str]) -> Mapping[int, str]:
    """Two members may be called the same."""
    common = Counter(names.values())
    return {member: name if common[name] == 1 else f"{name} …{member % 10_000:04d}" for member, name in names.items()}


def alt_text(report: Report) -> str:
    """The chart in words, for people who do not see it."""
    if not report.gpu_s_by_member:
        return "Four charts. Nothing was drawn in this time."
    busiest = max(report.pictures_by_day, key=lambda day: report.pictures_by_day[day])
    members = ", ".join(f"{name} {value:.0f} s" for name, value in list(report.gpu_s_by_member.items())[:5])
    models = ", ".join(f"{name} {value:.0f} s" for name, value in list(report.gpu_s_by_model.items())[:5])
    return (
        f"Four charts. {report.pictures} pictures and {report.gpu_s:.0f} GPU-seconds in "
        f"{len(report.pictures_by_day)} days, most on {busiest:%d %B} ({report.pictures_by_day[busiest]}). "
        f"GPU time by member: {members or 'none'}. By model: {models or 'none'}. "
        f"Half of the jobs waited up to {report.wait_s(0.5):.0f} s, 95 of 100 up to {report.wait_s(0.95):.0f} s."
    )[:1024]


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
    days = list(report.pictures_by_day)
    axes.bar(range(len(days)), list(report.pictures_by_day.values()), color=_BLUE)
    axes.set_title("Pictures (bars) and GPU-seconds (line) by day")
    step = max(1, len(days) // 7)
    axes.set_xticks(range(0, len(days), step), [f"{day:%d %b}" for day in days[::step]])
    time = axes.twinx()
    time.plot(range(len(days)), list(report.gpu_s_by_day.values()), color=_ORANGE, marker="o")
    time.set_ylim(bottom=0)


def _waits(axes: Any, report: Report) -> None:
    axes.set_title("How long jobs waited (s)")
    if report.waits_s:
        axes.hist(list(report.waits_s), bins=min(30, max(5, len(report.waits_s) // 5)), color=_GREY)
    axes.set_ylabel("jobs")


def _bars(axes: Any, title: str, values: Mapping[str, float]) -> None:
    shown = list(values.items())[:MOST_BARS][::-1]
    axes.set_title(title)
    axes.barh(range(len(shown)), [value for _, value in shown], color=_BLUE)
    # A name with a dollar would be read as a formula.
    axes.set_yticks(range(len(shown)), [name[:24].replace("$", r"\$") for name, _ in shown])
