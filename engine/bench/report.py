"""The figures as a table for people and JSON for machines. Torch-free."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from engine.bench.edit_overhead import EditOverhead
    from engine.bench.load import SideBySide
    from engine.bench.parts import Knee, Overhead


ENOUGH = 100
"""Arrivals below which a 95th percentile rests on two or three of them."""


def load_average() -> float:
    """The system's, of the last minute; 0 where it keeps none."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


@dataclass(frozen=True)
class Machine:
    """Where it ran."""

    platform: str
    cores: int
    load_before: float
    """Before the run: what else was going on."""
    versions: dict[str, str]

    @classmethod
    def here(cls) -> Machine:
        """This machine, now."""
        versions = {"python": platform.python_version()} | {name: version(name) for name in ("torch", "diffusers")}
        return cls(platform.platform(), os.cpu_count() or 0, load_average(), versions)


@dataclass(frozen=True)
class Report:
    """Everything one run measured."""

    model: str
    request: dict[str, Any]
    threads: int
    """Of each worker."""
    machine: Machine
    load_after: float
    seconds: float
    side_by_side: SideBySide
    overhead: list[Overhead]
    edits: list[EditOverhead]
    preview_share: float
    cancel_ticks: list[int]
    knees: list[Knee]

    def save(self, file: Path) -> None:
        """Write it as JSON."""
        ratios = {
            "light_to_grid_p95": self.side_by_side.light_to_grid_ratio,
            "light_to_first_preview_p95": self.side_by_side.light_to_first_preview_ratio,
            "throughput": self.side_by_side.throughput_ratio,
        }
        file.write_text(json.dumps(asdict(self) | {"ratios": ratios}, indent=2) + "\n", "utf-8")

    def show(self, console: Console) -> None:
        """Print the tables."""
        console.print(_load_table(self.side_by_side))
        if self.side_by_side.requests < ENOUGH:
            console.print("a 95th percentile of so few is the waiting of two or three members")
        console.print(_aims_table(self))
        console.print(_knee_table(self.knees))
        console.print(f"{self.model} {self.request}, {self.threads} threads on {self.machine.cores} cores")
        console.print(
            f"load average {self.machine.load_before:.1f} before, {self.load_after:.1f} after; {self.seconds:.0f} s"
        )


def _load_table(both: SideBySide) -> Table:
    table = Table(title=f"{both.requests} requests at {both.load:.0%} of B1's capacity; seconds, p50 / p95")
    for heading in ("", "B1: whole calls", "engine", "ratio of p95"):
        table.add_column(heading, justify="left" if not heading else "right")
    waits = {
        "light members, to grid": "light_to_grid",
        "light members, to first preview": "light_to_first_preview",
        "heavy member, to grid": "heavy_to_grid",
        "heavy member, to first preview": "heavy_to_first_preview",
        "everybody, to grid": "all_to_grid",
    }
    for title, name in waits.items():
        before, after = (getattr(way, name) for way in (both.whole_calls, both.engine))
        ratio = f"{after.p95 / before.p95:.2f}" if before.p95 else ""
        table.add_row(title, f"{before.p50:.2f} / {before.p95:.2f}", f"{after.p50:.2f} / {after.p95:.2f}", ratio)
    one, other = both.whole_calls, both.engine
    pairs = {
        "everybody, mean to grid": (one.all_to_grid.mean, other.all_to_grid.mean),
        "pictures/s under this load": (one.images_per_s, other.images_per_s),
        "evenness among members (Jain)": (one.jain, other.jain),
        "part of the time at work": (one.busy, other.busy),
        "pictures/s from a full queue": (both.saturated_whole_calls, both.saturated_engine),
    }
    for title, (before, after) in pairs.items():
        table.add_row(title, f"{before:.2f}", f"{after:.2f}", f"{after / before:.2f}")
    return table


def _aims_table(report: Report) -> Table:
    both = report.side_by_side
    table = Table(title="aims")
    for heading in ("", "aim", "measured", ""):
        table.add_column(heading)
    rows = [
        ("light members' p95 to grid, of B1", 0.5, both.light_to_grid_ratio),
        ("light members' p95 to first preview, of B1", 0.1, both.light_to_first_preview_ratio),
        *((f"ms per request-step, {each.noise_scheduler}", 1.0, each.engine_ms) for each in report.overhead),
        *(
            (f"an edit, of a variation by {each.noise_scheduler}", 1.0, each.edit_ms / each.variation_ms)
            for each in report.edits
        ),
        ("previews, part of the time", 0.02, report.preview_share),
        ("ticks from cancel to lane gone, most", 1.0, float(max(report.cancel_ticks))),
    ]
    table.add_row("throughput, of B1", "≥ 0.97", f"{both.throughput_ratio:.3f}", _mark(both.throughput_ratio >= 0.97))
    for title, aim, measured in rows:
        table.add_row(title, f"≤ {aim:g}", f"{measured:.3f}", _mark(measured <= aim))
    return table


def _mark(is_met: bool) -> str:
    return "[green]met[/]" if is_met else "[red]missed[/]"


def _knee_table(knees: list[Knee]) -> Table:
    table = Table(title="one forward pass: ms (ms per row) by rows")
    table.add_column("size")
    rows = sorted({rows for each in knees for rows in each.ms})
    for count in rows:
        table.add_column(str(count), justify="right")
    for each in knees:
        cells = [f"{each.ms[count]:.1f} ({each.ms[count] / count:.1f})" for count in rows if count in each.ms]
        table.add_row(f"{each.size[0]}x{each.size[1]}", *cells)
    return table
