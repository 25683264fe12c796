"""Zoom out and pan: the picture on a larger canvas, the rest drawn, and no seam where they meet."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
from PIL import Image, ImageFilter

from engine.catalogue.outpaint_geometry import Canvas, trimmed
from engine.operations.context import OperationContext
from engine.operations.drawing import within_mask
from engine.operations.pixels import Pixels, picture_of, pixels_of, resized
from engine.operations.prompt_tokens import WordsKnower
from engine.operations.seams import FEATHER, join
from engine.pictures.images import open_picture
from engine.requests import Outpaint

NO_WORDS = "."
"""A prompt that names nothing; requests without a prompt are refused."""


def outpaint(context: OperationContext) -> list[Pixels]:
    """The picture keeps its pixels but for a narrow band along the new parts, where it fades into them."""
    request = cast(Outpaint, context.request)
    picture = open_picture(request.image)
    if request.prompt == request.description:  # a thing that is remembered would be drawn around itself once more
        context = _naming_nothing(context)
    left, top, right, bottom = window = Canvas.of(picture.size, request).window
    whole, kept = lay_on_canvas(picture, request)
    part, kept = whole.crop(window), kept[top:bottom, left:right]
    mask = picture_of(np.repeat((kept < 1)[..., None], 3, axis=2).astype(np.float32)).convert("L")
    under, canvas = pixels_of(part), pixels_of(whole)
    cells: list[Pixels] = []
    for cell in within_mask(context, part, mask, request.strength):
        grown = canvas.copy()
        grown[top:bottom, left:right] = join(under, resized(cell, part.size), kept, is_other=request.strength == 1.0)
        cells.append(grown)
    return cells


def _naming_nothing(context: OperationContext) -> OperationContext:
    """For models that look names up: with words that bring nothing to mind. Others are asked as they were."""
    if not isinstance(context.model.base.components.get("text_encoder"), WordsKnower):
        return context
    return context.asking(prompt=NO_WORDS, prompt_parts=())


def lay_on_canvas(picture: Image.Image, request: Outpaint) -> tuple[Image.Image, Pixels]:
    """The canvas, its new parts filled with smeared edges, and how much of the picture each pixel keeps (0 to 1)."""
    canvas = Canvas.of(picture.size, request)
    inner = picture.crop(trimmed(picture.size, request)).resize(canvas.inner, Image.Resampling.LANCZOS)
    spread = ((canvas.above, canvas.below), (canvas.left, canvas.right), (0, 0))
    whole = Image.fromarray(np.pad(np.asarray(inner), spread, mode="edge"))
    smeared = whole.filter(ImageFilter.GaussianBlur(max(whole.size) / 32))
    kept = _kept(canvas)
    whole.paste(smeared, mask=Image.fromarray(((kept == 0) * 255).astype(np.uint8)))
    return whole, kept


def _kept(canvas: Canvas) -> Pixels:
    feather = max(4.0, FEATHER * min(canvas.inner))
    across = _ramp(canvas.inner[0], canvas.left, canvas.right, feather)
    down = _ramp(canvas.inner[1], canvas.above, canvas.below, feather)
    around = ((canvas.above, canvas.below), (canvas.left, canvas.right))
    return np.pad(np.minimum(across[None, :], down[:, None]), around).astype(np.float32)


def _ramp(length: int, before: int, after: int, feather: float) -> Pixels:
    """1 inside, falling to 0 at those ends where something new begins."""
    place = np.arange(length) + 0.5
    ahead = place / feather if before else np.full(length, math.inf)
    behind = (length - place) / feather if after else np.full(length, math.inf)
    return np.minimum(np.minimum(ahead, behind), 1.0).clip(0, 1)
