"""Super-resolution, tile by tile."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from engine.batching.module_proxies import parking_view
from engine.operations.context import OperationContext
from engine.operations.pixels import Pixels, tensor_of
from engine.operations.tools import SuperResolution

TILE = 128
"""Side in pixels of a tile of the network's input; it bounds the memory of a pass."""
RESIZING = 4
"""Reach in input pixels of the Lanczos resizing after the network, for results larger than its input."""


def enlarged(
    context: OperationContext,
    pictures: Sequence[Image.Image],
    size: tuple[int, int],
    upscaler: SuperResolution,
    on_tile: Callable[[int, int], None] | None = None,
) -> list[Pixels]:
    """Enlarge pictures of one size to `size` (width, height) by a super-resolution network and Lanczos resizing.

    Returns uint8 (height, width, 3) for each picture. Tiles overlap by the
    reach of the convolutions and of the resizing, so their borders do not show. `on_tile` gets (done, total).
    """
    network, reach = parking_view(upscaler.network, context.lane), upscaler.reach + RESIZING
    width, height = pictures[0].size
    results = [np.empty((size[1], size[0], 3), dtype=np.uint8) for _ in pictures]
    corners = [(x, y) for y in range(0, height, TILE) for x in range(0, width, TILE)]
    for number, (left, top) in enumerate(corners, start=1):
        across = _Stretch(left, width, reach, upscaler.scale, size[0])
        down = _Stretch(top, height, reach, upscaler.scale, size[1])
        around = (across.first, down.first, across.last, down.last)
        pieces = torch.cat([tensor_of(picture.crop(around)) for picture in pictures])
        pieces = pieces.to(context.model.device)
        levels = (
            network(pieces).float().clamp(0, 1).mul_(255).round_().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        )
        for result, level in zip(results, levels, strict=True):
            result[down.place, across.place] = _cut(level, across, down)
        if on_tile:
            on_tile(number, len(corners))
    return results


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A tile along one axis: where it begins in the network's input, and where it comes to lie in the result."""

    begin: int
    length: int
    reach: int
    scale: int
    result: int

    @property
    def first(self) -> int:
        """Where the piece begins that the network sees."""
        return max(0, self.begin - self.reach)

    @property
    def last(self) -> int:
        """Where that piece ends."""
        return min(self.begin + TILE + self.reach, self.length)

    @property
    def place(self) -> slice:
        """The pixels of the result that this tile gives."""
        end = min(self.begin + TILE, self.length)
        return slice(*(round(place * self.result / self.length) for place in (self.begin, end)))

    @property
    def seen(self) -> tuple[float, float]:
        """The same in pixels of what the network made of the piece."""
        ratio = self.length * self.scale / self.result
        begin, end = (place * ratio - self.first * self.scale for place in (self.place.start, self.place.stop))
        return max(0.0, begin), min(end, float((self.last - self.first) * self.scale))


def _cut(piece: Pixels, across: _Stretch, down: _Stretch) -> Pixels:
    """The pixels of the result that a tile covers."""
    width, height = across.place.stop - across.place.start, down.place.stop - down.place.start
    (left, right), (top, bottom) = across.seen, down.seen
    tile, high = Image.fromarray(piece), piece.shape[0]
    # Pillow clips between the two axes, and their order hangs on the shape: not the same for every tile.
    tile = tile.resize((width, high), Image.Resampling.LANCZOS, box=(left, 0, right, high))
    return np.asarray(tile.resize((width, height), Image.Resampling.LANCZOS, box=(0, top, width, bottom)))
