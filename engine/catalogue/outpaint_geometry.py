"""The geometry of outpainting: where a picture lies on its larger canvas, and which part of it is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from engine.requests import MAX_SIDE, Outpaint

Size = tuple[int, int]
"""(width, height) in pixels."""
Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """The picture's size on the canvas, and how many new pixels lie left, right, above and below of it."""

    inner: Size
    left: int
    right: int
    above: int
    below: int
    reach: int
    """How many pixels beside the new parts are seen while they are drawn."""

    @classmethod
    def of(cls, size: Size, request: Outpaint) -> Self:
        """For a picture of that size: zooming keeps the canvas, panning grows it by shares of the shorter side."""
        canvas = cls._of(size, request)
        # One pixel of tolerance for what rounding adds on either side.
        scale = (MAX_SIDE - 2) / max(canvas.size)
        return cls._of(scaled(size, scale), request) if scale < 1 else canvas

    @classmethod
    def _of(cls, size: Size, request: Outpaint) -> Self:
        left, top, right, bottom = trimmed(size, request)
        shown, shorter = (right - left, bottom - top), min(size)
        inner = scaled(shown, 1 / request.zoom)
        beside, above = shown[0] - inner[0], shown[1] - inner[1]
        return cls(
            inner,
            left=beside // 2 + round(request.left * shorter),
            right=beside - beside // 2 + round(request.right * shorter),
            above=above // 2 + round(request.top * shorter),
            below=above - above // 2 + round(request.bottom * shorter),
            reach=max(1, min(*inner, round(request.reach * shorter / request.zoom))),
        )

    @property
    def size(self) -> Size:
        """Width and height of the canvas in pixels."""
        return self.left + self.inner[0] + self.right, self.above + self.inner[1] + self.below

    @property
    def window(self) -> Box:
        """What is drawn: the new parts, with as much beside them as is seen.

        Drawing all of a long canvas would make everything new in it as small as the model's own size forces it to be.
        """
        width, height = self.size
        if (self.left or self.right) and (self.above or self.below):
            return 0, 0, width, height
        x = _beside(self.left, self.right, width, self.reach)
        y = _beside(self.above, self.below, height, self.reach)
        return x[0], y[0], x[1], y[1]


def trimmed(size: Size, request: Outpaint) -> Box:
    """What is left of a picture of that size, in its own pixels, once each side that grows is trimmed."""
    cut = round(request.trim * min(size))
    left, top = cut * (request.left > 0), cut * (request.top > 0)
    right, bottom = size[0] - cut * (request.right > 0), size[1] - cut * (request.bottom > 0)
    return left, top, max(left + 1, right), max(top + 1, bottom)


def scaled(size: Size, scale: float) -> Size:
    """At least a pixel of each side is left."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _beside(before: int, after: int, length: int, reach: int) -> tuple[int, int]:
    """(start, end) in pixels along one axis."""
    first = max(0, length - after - reach) if after and not before else 0
    last = min(length, before + reach) if before and not after else length
    return first, last
