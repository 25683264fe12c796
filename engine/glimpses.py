"""What a lane shows on its way: previews as they come, and a few frames of each for the time-lapse."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image

from engine.events import Preview
from engine.images import encode_webp, mosaic
from engine.previews import Previewer

PREVIEW_SHARE = 0.02
"""Of wall time, at most so much goes into previews and frames of all lanes together."""
PREVIEW_EVERY_S = 0.25
MAX_FRAMES = 24
FRAME_SIDE = 128

Clock = Callable[[], float]


@dataclass
class Allowance:
    """Seconds that may be spent: a share of wall time, saved up for a little while at most."""

    share: float = PREVIEW_SHARE
    clock: Clock = time.perf_counter
    burst_s: float = 0.1
    _left_s: float = field(default=0.0, init=False)
    _since_s: float = field(default=0.0, init=False)

    def has_left(self) -> bool:
        """May something be spent now? The last one may overdraw."""
        now_s = self.clock()
        self._left_s = min(self.burst_s, self._left_s + self.share * (now_s - self._since_s))
        self._since_s = now_s
        return self._left_s > 0

    def spend(self, seconds: float) -> None:
        """Book what something took."""
        self._left_s -= seconds


@dataclass
class Glimpses:
    """Previews and frames of one lane. The hub's thread asks and shows; encoding happens in `executor`."""

    previewer: Previewer
    size: tuple[int, int]
    """The picture's width and height in pixels."""
    tell: Callable[[int, int, Preview | None], None]
    """Told (step, steps, preview) of every step; from any thread."""
    allowance: Allowance
    executor: Executor
    clock: Clock = time.perf_counter
    has_shown: bool = False
    """A first preview is on its way."""
    frames: dict[int, bytes] = field(default_factory=dict[int, bytes])
    """Small WebP mosaics by step."""
    _due_s: float = float("-inf")
    _stride: int = 1
    _is_encoding: bool = False
    _encoding: Future[None] | None = None

    def wants_x0(self, step: int) -> bool:
        """Is the x0 estimate of this step worth computing?"""
        if not self.has_shown:
            return True
        return self.allowance.has_left() and (self._is_due() or self._wants_frame(step))

    def show(self, step: int, steps: int, x0: torch.Tensor | None) -> None:
        """A step is done: say so, with a preview if one is due."""
        self._stride = math.ceil(steps / MAX_FRAMES)
        pixels = self._pixels(x0) if x0 is not None else None
        if pixels is None or self._is_encoding:
            return self.tell(step, steps, None)
        is_due, is_frame = self._is_due() or not self.has_shown, self._wants_frame(step)
        self.has_shown = True
        if is_due:
            self._due_s = self.clock() + PREVIEW_EVERY_S
        self._is_encoding = True
        self._encoding = self.executor.submit(self._encode, step, steps, pixels, is_due, is_frame)
        return None

    def settle(self) -> None:
        """Wait for what is being encoded, so that nothing is told after the end."""
        if self._encoding:
            self._encoding.exception()

    def _is_due(self) -> bool:
        return self.clock() >= self._due_s and not self._is_encoding

    def _wants_frame(self, step: int) -> bool:
        return step % self._stride == 0 and len(self.frames) < MAX_FRAMES and not self._is_encoding

    def _pixels(self, x0: torch.Tensor) -> torch.Tensor | None:
        began_s = self.clock()
        pixels = self.previewer.pixels(x0, *self.size)
        self.allowance.spend(self.clock() - began_s)
        return pixels

    def _encode(self, step: int, steps: int, pixels: torch.Tensor, as_preview: bool, as_frame: bool) -> None:
        began_s = self.clock()
        try:
            preview = self.previewer.encode(pixels, *self.size) if as_preview else None
            if as_frame:
                self.frames[step] = _frame(pixels, self.size)
            self.tell(step, steps, preview)
        finally:
            self._is_encoding = False
            self.allowance.spend(self.clock() - began_s)


def _frame(pixels: torch.Tensor, size: tuple[int, int]) -> bytes:
    scale = min(1.0, FRAME_SIDE / max(size))
    small = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    levels = (torch.nan_to_num(pixels) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    cells = [Image.fromarray(np.ascontiguousarray(cell)).resize(small, Image.Resampling.BILINEAR) for cell in levels]
    return encode_webp(mosaic(cells), 70, effort=0)
