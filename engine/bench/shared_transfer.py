"""What streaming costs, and what sharing its transfer saves: the engine, whole calls in line, and diffusers' own way.

The weights are really copied over a link of set speed (`engine.bench.paced_link`).
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from engine.bench.desk import Desk, requests
from engine.bench.group_offloading import group_offload
from engine.bench.paced_link import PacedLink
from engine.bench.small_model import in_line, on_one_thread, request_for, row_seconds, small_models, stream, together
from engine.bench.traffic import Waits
from engine.settings import EngineSettings


@dataclass(frozen=True, slots=True)
class Row:
    """One speed of the link; seconds, pictures per second, and ratios to the way beside it."""

    members: int
    transfer: float
    """Seconds to bring all weights in once, in multiples of what one row computes."""
    in_line_images_per_s: float
    engine_images_per_s: float
    images_ratio: float
    """Engine over whole calls in line, with the same streaming; the aim is 4."""
    in_line_first_preview_p95_s: float
    engine_first_preview_p95_s: float
    first_preview_ratio: float
    """The aim is 0.3."""
    alone_diffusers_s: float
    alone_engine_s: float
    alone_ratio: float
    """One member: engine over diffusers' group offloading with prefetching; the aim is 1.05."""


@dataclass(frozen=True, slots=True)
class SharedTransferReport:
    """The table."""

    rows: tuple[Row, ...]

    def show(self, console: Console) -> None:
        """Print it, one column for each speed."""
        table = Table("", *(f"transfer {row.transfer:g} x a row" for row in self.rows))
        for field in dataclasses.fields(Row):
            table.add_row(field.name, *(f"{getattr(row, field.name):.3g}" for row in self.rows))
        console.print(table)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps([dataclasses.asdict(row) for row in self.rows], indent=1) + "\n", "utf-8")


def measure(
    say: Callable[[str], None], transfers: Sequence[float] = (12.0, 3.0), members: int = 8, repeats: int = 5
) -> SharedTransferReport:
    """One row for each transfer, given in multiples of what one row computes."""
    with on_one_thread():
        return SharedTransferReport(tuple(_row(each, members, repeats, say) for each in transfers))


def _row(transfer: float, members: int, repeats: int, say: Callable[[str], None]) -> Row:
    settings = EngineSettings(safety=False, threads=1)
    resident, model, other = small_models(3)
    like = request_for(model)
    say("one row, resident")
    row_s = row_seconds(resident, like)
    link, _ = stream(model, transfer * row_s)
    group_offload(other.base.transformer, PacedLink(link.bytes_per_s))
    desk = Desk(model, settings)
    for few in (members, 1):
        say(f"{few} together, to warm up")
        together(desk, requests(like, few))
    say(f"{members} in line")
    lined = in_line(model, requests(like, members))
    say(f"{members} together")
    shared = together(desk, requests(like, members))
    in_line(other, requests(like, 1))  # in its first pass diffusers learns the order of blocks
    say("one member, both ways")
    alone = [(in_line(other, requests(like, 1)), together(desk, requests(like, 1))) for _ in range(repeats)]
    theirs, ours = (statistics.median(run.seconds for run in way) for way in zip(*alone, strict=True))
    late = [Waits.of(run.first_previews_s).p95 for run in (lined, shared)]
    rates = [members / run.seconds for run in (lined, shared)]
    return Row(
        members=members,
        transfer=transfer,
        in_line_images_per_s=rates[0],
        engine_images_per_s=rates[1],
        images_ratio=rates[1] / rates[0],
        in_line_first_preview_p95_s=late[0],
        engine_first_preview_p95_s=late[1],
        first_preview_ratio=late[1] / late[0],
        alone_diffusers_s=theirs,
        alone_engine_s=ours,
        alone_ratio=ours / theirs,
    )
