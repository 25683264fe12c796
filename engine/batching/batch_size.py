"""How many rows one tick should carry. More rows than the knee make everybody wait and nobody faster."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch

from engine.batching.forward import forward, synchronize
from engine.batching.lanes import ParkedCall, Stage
from engine.batching.row_layout import RowLayout

MOST_ROWS = 32
PROMPT_ROWS = 16
NEAR_BEST = 1.05
"""In a crowd a batch is as good as the best one if its seconds per row are within this factor."""
SOON = 1.2
"""With few in the room it is good enough within this one: a smaller batch is over sooner, for all in it."""
CROWD = 4
"""How many times the rows of the smaller batch have to wait to make a crowd."""
SWEEP_S = 1.0
REPEATS = 2
"""Passes of each size; the faster one counts, because whatever else the machine does only ever slows one down."""
MEMORY_SHARE = 0.7


@dataclass(frozen=True, slots=True)
class Knees:
    """Rows of a batch that is over soon, and of the one that gets the most done."""

    soon: int
    most: int

    def rows(self, waiting: int) -> int:
        """The budget while so many rows could share a batch."""
        return self.most if waiting > CROWD * self.soon else self.soon


class BatchSize:
    """The knees of seconds per row, swept once for each module and size of picture, and capped by memory."""

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
        """The budget for a tick with this call at its head, of `waiting` rows that could share it.

        Sweeps at the first call of its size.
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
        """Seconds per row by rows, as far as time and memory allow and it still gets better."""
        found: dict[int, float] = {}
        rows = 1
        self._time(layout, 1)  # the first pass pays for what later ones find warm, and that may take long
        began_s = self._clock()
        while rows <= MOST_ROWS:
            times = [self._time(layout, rows) for _ in range(REPEATS)]
            seconds = min((each for each in times if each is not None), default=None)
            if seconds is None:
                break
            found[rows] = seconds / rows
            is_late = self._clock() - began_s + 2 * REPEATS * seconds > SWEEP_S
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
    """The fewest rows that are (nearly) as cheap, each, as at best: more of them only make everybody wait longer."""
    best = min(seconds_per_row.values())
    return min(rows for rows, seconds in seconds_per_row.items() if seconds <= near * best)
