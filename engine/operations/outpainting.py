"""Zoom out and pan: the picture on a larger canvas, the rest drawn, and no seam where they meet."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
from PIL import Image, ImageFilter

from engine.images import open_picture
from engine.operations.drawing import within_mask
from engine.operations.easel import Easel
from engine.operations.joining import FEATHER, join
from engine.operations.pixels import Pixels, picture_of, pixels_of, resized
from engine.requests import MAX_SIDE, Outpaint
from engine.sizes import fit_area


def outpaint(easel: Easel) -> list[Pixels]:
    """The picture keeps its pixels but for a narrow band along the new parts, where it fades into them."""
    request = cast(Outpaint, easel.request)
    canvas, kept = lay_on_canvas(open_picture(request.image), request)
    width, height = fit_area(canvas.size, easel.model.spec)
    drawn = easel.asking(width=width, height=height)
    mask = picture_of(np.repeat((kept < 1)[..., None], 3, axis=2).astype(np.float32)).convert("L")
    under = pixels_of(canvas)
    cells = within_mask(drawn, canvas, mask, request.strength)
    return [join(under, resized(cell, canvas.size), kept) for cell in cells]


def lay_on_canvas(picture: Image.Image, request: Outpaint) -> tuple[Image.Image, Pixels]:
    """The canvas, its new parts filled with smeared edges, and how much of the picture each pixel keeps (0 to 1)."""
    left, right, top, bottom = _margins(picture.size, request)
    inner = picture.resize(_scaled(picture.size, 1 / request.zoom), Image.Resampling.LANCZOS)
    spread = ((top, bottom), (left, right), (0, 0))
    whole = Image.fromarray(np.pad(np.asarray(inner), spread, mode="edge"))
    smeared = whole.filter(ImageFilter.GaussianBlur(max(whole.size) / 32))
    kept = _kept(inner.size, (left, right, top, bottom))
    whole.paste(smeared, mask=Image.fromarray(((kept == 0) * 255).astype(np.uint8)))
    scale = min(1.0, MAX_SIDE / max(whole.size))
    if scale < 1:
        size = _scaled(whole.size, scale)
        return whole.resize(size, Image.Resampling.LANCZOS), np.asarray(Image.fromarray(kept).resize(size))
    return whole, kept


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _margins(size: tuple[int, int], request: Outpaint) -> tuple[int, int, int, int]:
    """New pixels left, right, above and below of the scaled picture: zooming keeps the canvas, panning grows it."""
    inner = _scaled(size, 1 / request.zoom)
    beside, above = size[0] - inner[0], size[1] - inner[1]
    return (
        beside // 2 + round(request.left * size[0]),
        beside - beside // 2 + round(request.right * size[0]),
        above // 2 + round(request.top * size[1]),
        above - above // 2 + round(request.bottom * size[1]),
    )


def _kept(size: tuple[int, int], margins: tuple[int, int, int, int]) -> Pixels:
    left, right, top, bottom = margins
    feather = max(4.0, FEATHER * min(size))
    across, down = _ramp(size[0], left, right, feather), _ramp(size[1], top, bottom, feather)
    return np.pad(np.minimum(across[None, :], down[:, None]), ((top, bottom), (left, right))).astype(np.float32)


def _ramp(length: int, before: int, after: int, feather: float) -> Pixels:
    """1 inside, falling to 0 at those ends where something new begins."""
    place = np.arange(length) + 0.5
    ahead = place / feather if before else np.full(length, math.inf)
    behind = (length - place) / feather if after else np.full(length, math.inf)
    return np.minimum(np.minimum(ahead, behind), 1.0).clip(0, 1)
