"""What it saves to keep some blocks of a streamed denoiser on the device, and which ones are best kept.

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
from unittest import mock

from rich.console import Console
from rich.table import Table

from engine.bench.desk import Desk, requests
from engine.bench.small_model import on_one_thread, request_for, row_seconds, small_models, stream, together
from engine.loading import streamed_weights
from engine.settings import EngineSettings


@dataclass(frozen=True, slots=True)
class Row:
    """One way to stream; seconds from the request to the finished files, the median of all repeats."""

    way: str
    streamed_share: float
    """Of the blocks' bytes, those that are brought in for each pass."""
    transfer: float
    """Seconds to bring all blocks in once, in multiples of what one row computes."""
    alone_s: float
    """One member's picture."""
    crowd_s: float
    """The pictures of all members together."""


@dataclass(frozen=True, slots=True)
class KeptBlocksReport:
    """The table."""

    members: int
    rows: tuple[Row, ...]

    def show(self, console: Console) -> None:
        """Print it, one row for each way."""
        table = Table("way", "streamed", "transfer", "one member", f"{self.members} members")
        for row in self.rows:
            share, transfer = f"{row.streamed_share:.0%}", f"{row.transfer:g} x a row"
            table.add_row(row.way, share, transfer, f"{row.alone_s:.3f} s", f"{row.crowd_s:.3f} s")
        console.print(table)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", "utf-8")


def measure(
    say: Callable[[str], None], transfers: Sequence[float] = (12.0, 3.0), members: int = 8, repeats: int = 3
) -> KeptBlocksReport:
    """One row for each transfer and way, which take turns."""
    with on_one_thread():
        return KeptBlocksReport(members, tuple(row for each in transfers for row in _rows(each, members, repeats, say)))


def _first(sizes: Sequence[int], room: int) -> frozenset[int]:
    """What blocks stay where those are kept that come first."""
    return frozenset(number for number in range(len(sizes)) if sum(sizes[: number + 1]) <= room)


_spread = streamed_weights.blocks_that_stay
_WAYS: tuple[tuple[str, float, Callable[[Sequence[int], int], frozenset[int]]], ...] = (
    ("all streamed", 0.0, _spread),
    ("half kept, spread", 0.5, _spread),
    ("half kept, the first ones", 0.5, _first),
    ("three quarters kept, spread", 0.75, _spread),
    ("three quarters kept, the first ones", 0.75, _first),
)
"""(what it is called, the share of the blocks' bytes that there is room for, which blocks stay)."""


def _rows(transfer: float, members: int, repeats: int, say: Callable[[str], None]) -> list[Row]:
    resident, *models = small_models(1 + len(_WAYS))
    settings, like = EngineSettings(safety=False, threads=1), request_for(resident)
    say("one row, resident")
    row_s = row_seconds(resident, like)
    shares: list[float] = []
    for model, (_, kept, choose) in zip(models, _WAYS, strict=True):
        with mock.patch.object(streamed_weights, "blocks_that_stay", choose):
            shares.append(stream(model, transfer * row_s, kept)[1])
    desks = [Desk(model, settings) for model in models]
    found: list[tuple[list[float], list[float]]] = [([], []) for _ in desks]
    for repeat in range(repeats + 1):
        say(f"transfer {transfer:g} x a row, round {repeat} of {repeats}")
        for desk, seconds in zip(desks, found, strict=True):
            for few, kept_s in zip((1, members), seconds, strict=True):
                taken_s = together(desk, requests(like, few)).seconds
                if repeat:  # in the first round the order of blocks is learned, and the batch size
                    kept_s.append(taken_s)
    return [
        Row(way, share, transfer, statistics.median(alone), statistics.median(crowd))
        for (way, _, _), share, (alone, crowd) in zip(_WAYS, shares, found, strict=True)
    ]
