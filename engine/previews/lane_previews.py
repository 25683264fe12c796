"""The previews of one lane, and the frames of its time-lapse."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

import torch

from engine.events import Preview
from engine.previews.preview_gate import Cells, Clock, PreviewGate, TimeBudget
from engine.previews.previewer import Previewer, frame_of, preview_of

PREVIEW_EVERY_S = 0.25
MAX_FRAMES = 24


@dataclass
class LanePreviews:
    """Previews and frames of one lane. The device thread calls; encoding runs in `executor`."""

    previewer: Previewer
    size: tuple[int, int]
    """Width and height in pixels that the model draws."""
    tell: Callable[[int, int, Preview | None], None]
    """Called with (step, steps, preview) for every step, from any thread."""
    time_budget: TimeBudget
    """The share of wall time for previews and frames of all lanes together."""
    executor: Executor
    gate: PreviewGate = field(default_factory=PreviewGate)
    shown_size: tuple[int, int] | None = None
    """Width and height of the finished picture; None means `size`."""
    clock: Clock = time.perf_counter
    cost: Clock = time.thread_time
    """The clock for what previews cost: CPU time, because waiting on a busy machine costs nothing."""
    has_shown: bool = False
    """Whether a first preview was sent or is being encoded."""
    frames: dict[int, bytes] = field(default_factory=dict[int, bytes])
    """Small JPEG mosaics by step."""
    _due_s: float = float("-inf")
    _stride: int = 1
    _is_encoding: bool = False
    _encoding: Future[None] | None = None

    def wants_x0(self, step: int) -> bool:
        """Is a preview or a frame due at this step, within the time budget?"""
        if not self.has_shown:
            return True
        return self.time_budget.refill() and (self._is_due() or self._wants_frame(step))

    def show(self, step: int, steps: int, x0: torch.Tensor | None) -> None:
        """Report a step, with a preview if one is due."""
        self._stride = math.ceil(steps / MAX_FRAMES)
        pixels = self._pixels(x0) if x0 is not None else None
        if pixels is None or self._is_encoding:
            return self.tell(step, steps, None)
        is_due = self._is_due() or not self.has_shown
        # Every request gets a first preview whatever it costs; frames only within the time budget.
        is_frame = self._wants_frame(step) and (self.has_shown or self.time_budget.refill())
        self.has_shown = True
        if is_due:
            self._due_s = self.clock() + PREVIEW_EVERY_S
        self._is_encoding = True
        self._encoding = self.executor.submit(self._encode, step, steps, pixels, is_due, is_frame)
        return None

    def settle(self) -> None:
        """Wait for previews being encoded or checked, so that none is sent after the end."""
        if self._encoding:
            self._encoding.exception()
        self.gate.settle()

    @property
    def timelapse(self) -> tuple[bytes, ...]:
        """The frames in order; none of a lane whose previews were flagged."""
        return () if self.gate.is_flagged else tuple(self.frames[step] for step in sorted(self.frames))

    def _is_due(self) -> bool:
        return self.clock() >= self._due_s and not self._is_encoding

    def _wants_frame(self, step: int) -> bool:
        return step % self._stride == 0 and len(self.frames) < MAX_FRAMES and not self._is_encoding

    def _pixels(self, x0: torch.Tensor) -> torch.Tensor | None:
        began_s = self.cost()
        pixels = self.previewer.pixels(x0, *self.size)
        self.time_budget.spend(self.cost() - began_s)
        return pixels

    def _encode(self, step: int, steps: int, pixels: torch.Tensor, as_preview: bool, as_frame: bool) -> None:
        began_s = self.cost()

        def tell(cells: Cells | None) -> None:
            self.tell(step, steps, preview_of(cells) if cells else None)

        try:
            if as_frame:
                self.frames[step] = frame_of(pixels, self.shown_size or self.size)
            if as_preview:
                self.gate.show(self.previewer.cells(pixels, *(self.shown_size or self.size)), step / steps, tell)
            else:
                tell(None)
        finally:
            self._is_encoding = False
            self.time_budget.spend(self.cost() - began_s)
