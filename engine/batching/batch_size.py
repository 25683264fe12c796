"""Batch size: how many rows one pass may have. Rows beyond the knee of seconds per row only add latency."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch

from engine.batching.forward import forward, synchronize
from engine.batching.lanes import ParkedCall, Stage
from engine.batching.row_layout import RowLayout
from engine.batching.weight_tensors import STREAMED

MOST_ROWS = 32
PROMPT_ROWS = 16
NEAR_BEST = 1.05
"""With many rows waiting, a batch size is good if its seconds per row are within this factor of the best."""
SOON = 1.2
"""With few rows waiting, this factor counts instead: a smaller batch finishes sooner."""
MANY_WAITING = 4
"""Rows are many if more than this many batches of the smaller size wait."""
BARGAIN = 0.75
"""Twice the rows for at most one and a half times the seconds: worth another pass of a sweep that is already long."""
SWEEP_S = 1.0
REPEATS = 2
"""Timed passes of each size; the fastest counts, because other load on the machine only slows a pass down."""
MEMORY_SHARE = 0.7


@dataclass(frozen=True, slots=True)
class Knees:
    """Batch sizes in rows: `soon` for low latency, `most` for throughput."""

    soon: int
    most: int

    def rows(self, waiting: int) -> int:
        """The batch size while `waiting` rows could share a batch."""
        return self.most if waiting > MANY_WAITING * self.soon else self.soon


class BatchSize:
    """The knees of seconds per row, measured once for each module and row shape, and capped by memory."""

    def __init__(
        self,
        device: torch.device,
        run: Callable[[ParkedCall], Any] = forward,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._device, self._run, self._clock = device, run, clock
        self._knees: WeakKeyDictionary[torch.nn.Module, dict[Hashable, Knees]] = WeakKeyDictionary()
        self.sweeps: list[tuple[str, Hashable, dict[int, float]]] = []
        """Every sweep so far: module, size, and seconds per row by rows."""

    def rows(self, layout: RowLayout, waiting: int) -> int:
        """The batch size for a pass with this call at its head, while `waiting` rows could share it.

        The first call of a row shape times a sweep of passes, about `SWEEP_S` seconds.
        """
        if layout.call.stage is Stage.ENCODE:
            return PROMPT_ROWS
        if layout.call.stage is Stage.DECODE:
            return layout.rows
        knees = self._knees.setdefault(layout.call.module, {})
        size = layout.row_shape
        if size not in knees:
            seconds = self._sweep(layout)
            knees[size] = Knees(knee(seconds, SOON), knee(seconds))
            self.sweeps.append((type(layout.call.module).__name__, size, seconds))
        return knees[size].rows(waiting)

    def _sweep(self, layout: RowLayout) -> dict[int, float]:
        """Seconds per row by batch size 1, 2, 4, ..., until time or memory ends or the seconds per row rise.

        A denoiser that is streamed is brought to the device in each pass, which may alone take longer than a sweep
        should, and is shared by all rows: its sweep goes on for as long as more rows are a bargain.
        """
        found: dict[int, float] = {}
        rows, repeats = 1, REPEATS
        is_streamed = STREAMED in vars(layout.call.module)
        self._time(layout, 1)  # warm-up: the first pass may compile or allocate
        began_s = self._clock()
        while rows <= MOST_ROWS:
            times = [self._time(layout, rows) for _ in range(repeats)]
            seconds = min((each for each in times if each is not None), default=None)
            if seconds is None:
                break
            found[rows] = seconds / rows
            is_late = self._clock() - began_s + 2 * REPEATS * seconds > SWEEP_S
            if is_late and is_streamed and found[rows] <= BARGAIN * found.get(rows // 2, math.inf):
                is_late, repeats = False, 1
            if is_late or found[rows] > NEAR_BEST * min(found.values()) or not self._has_memory(rows):
                break
            rows *= 2
        return found or {layout.rows: 0.0}

    def _time(self, layout: RowLayout, rows: int) -> float | None:
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            self._before = torch.cuda.memory_allocated(self._device)
        began_s = self._clock()
        try:
            self._run(layout.part(0, rows).call)
        except Exception:  # noqa: BLE001 - out of memory, or a call that cannot be multiplied: what counts is its own pass
            return None
        synchronize(self._device)
        return self._clock() - began_s

    def _has_memory(self, rows: int) -> bool:
        """Would twice the rows fit, going by what these took?"""
        if self._device.type != "cuda":
            return True
        taken = torch.cuda.max_memory_allocated(self._device) - self._before
        free = torch.cuda.mem_get_info(self._device)[0]
        cached = torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        return 2 * taken < MEMORY_SHARE * (free + cached)


def knee(seconds_per_row: dict[int, float], near: float = NEAR_BEST) -> int:
    """The smallest batch size whose seconds per row are within the factor `near` of the best."""
    best = min(seconds_per_row.values())
    return min(rows for rows, seconds in seconds_per_row.items() if seconds <= near * best)
