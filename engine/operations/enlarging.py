"""Super-resolution, tile by tile."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from engine.lanes import parking_view
from engine.operations.pixels import Pixels, tensor_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.operations.easel import Easel

TILE = 192
"""Side of a tile of the network's input: what a pass takes of memory depends on this alone."""


def enlarged(
    easel: Easel, pictures: Sequence[Image.Image], on_tile: Callable[[int, int], None] | None = None
) -> list[Pixels]:
    """Pictures of one size through the network, as bytes.

    The tiles overlap by what its convolutions see, so their borders do not show.
    """
    upscaler = easel.tools.upscaler
    network, scale, reach = parking_view(upscaler.network, easel.lane), upscaler.scale, upscaler.reach
    width, height = pictures[0].size
    results = [np.empty((height * scale, width * scale, 3), dtype=np.uint8) for _ in pictures]
    corners = [(x, y) for y in range(0, height, TILE) for x in range(0, width, TILE)]
    for number, (left, top) in enumerate(corners, start=1):
        right, bottom = min(left + TILE, width), min(top + TILE, height)
        before, above = min(reach, left), min(reach, top)
        around = (left - before, top - above, min(right + reach, width), min(bottom + reach, height))
        pieces = torch.cat([tensor_of(picture.crop(around)) for picture in pictures]).to(easel.model.device)
        inner = network(pieces)[:, :, above * scale :, before * scale :]
        inner = inner[:, :, : (bottom - top) * scale, : (right - left) * scale]
        levels = (inner.float().clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        for result, level in zip(results, levels, strict=True):
            result[top * scale : bottom * scale, left * scale : right * scale] = level
        if on_tile:
            on_tile(number, len(corners))
    return results
