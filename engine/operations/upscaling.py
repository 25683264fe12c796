"""Larger pictures: `subtle` by a super-resolution network, `creative` by image-to-image; both tile by tile."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import cast

import numpy as np
from PIL import Image

from engine.catalogue.outpaint_geometry import scaled
from engine.catalogue.sizes import CREATIVE_FACTOR, enlargement
from engine.operations.context import OperationContext
from engine.operations.drawing import redrawn
from engine.operations.pixels import Pixels, cover, opaque, picture_of, pixels_of
from engine.operations.remembered import Frames, Part
from engine.operations.super_resolution import enlarged
from engine.pictures.images import open_with_alpha
from engine.requests import MAX_SIDE, Upscale

OVERLAP = 0.25
"""The share of a creative tile that it has in common with the next one."""


def upscale(context: OperationContext) -> list[Pixels]:
    """The picture `factor` times larger, at most 4096 pixels a side."""
    request = cast(Upscale, context.request)
    opened = open_with_alpha(request.image)
    picture = opened.convert("RGB")
    scale = enlargement(picture.size, request)
    if scale < request.factor:
        at_most_twice = request.mode == "creative" and scale == CREATIVE_FACTOR
        why = "creatively at most twice" if at_most_twice else f"at most {MAX_SIDE} pixels a side"
        context.notes.append(f"enlarged {scale:.3g} times: {why}")
    upscaler = context.tools.upscaler
    if request.mode == "subtle":
        context.upscaler = upscaler.name
    size = scaled(picture.size, scale)
    (larger,) = enlarged(context, [picture], size, upscaler, lambda done, of: context.watch.on_step(done, of, None))
    made = refined(context, Image.fromarray(larger), request.strength) if request.mode == "creative" else larger
    return [made if opened.mode == "RGB" else _as_transparent(made, opened)]


def _as_transparent(pixels: Pixels, picture: Image.Image) -> Pixels:
    """Bytes (height, width, 4): the larger colours with the alpha of the picture they were made from."""
    larger = picture_of(pixels)
    larger.putalpha(picture.getchannel("A").resize(larger.size, Image.Resampling.LANCZOS))
    return np.asarray(larger)


def refined(context: OperationContext, picture: Image.Image, strength: float) -> Pixels:
    """Image-to-image in overlapping tiles of the model's own size, each fading into the next."""
    spec = context.model.spec
    whole, width, height = pixels_of(picture), spec.width, spec.height
    corners = [(x, y) for y in _starts(picture.height, height) for x in _starts(picture.width, width)]
    drawn, weight = np.zeros_like(whole), np.full((*whole.shape[:2], 1), 1e-6, dtype=np.float32)
    steps = max(1, int((context.request.num_inference_steps or spec.steps_of(context.request.kind)) * strength))
    frames = Frames(picture, context.asking(width=width, height=height))
    for number, (left, top) in enumerate(corners):
        context.watch.more_steps = steps * (len(corners) - number - 1)
        box = (left, top, min(left + width, picture.width), min(top + height, picture.height))
        tile = cover(picture.crop(box), (width, height))
        asked = context.asking(width=width, height=height, seed=context.request.seed + number)
        with frames.drawing(_place(picture.size, box)):
            cell = redrawn(asked, tile, strength)
        fitted = pixels_of(picture_of(opaque(cell[0])).resize((box[2] - left, box[3] - top), Image.Resampling.LANCZOS))
        fade = _fade(fitted.shape[0])[:, None, None] * _fade(fitted.shape[1])[None, :, None]
        drawn[top : box[3], left : box[2]] += fade * fitted
        weight[top : box[3], left : box[2]] += fade
    return drawn / weight


def _place(size: tuple[int, int], tile: tuple[int, int, int, int]) -> Part:
    """Where a picture of that size lies in one of its tiles."""
    left, top, right, bottom = tile
    wide, high = right - left, bottom - top
    return -left / wide, -top / high, (size[0] - left) / wide, (size[1] - top) / high


def _starts(length: int, tile: int) -> list[int]:
    """Where tiles begin, evenly spread, so that neighbours overlap by at least `OVERLAP`."""
    if length <= tile:
        return [0]
    count = 1 + -(-(length - tile) // max(1, round(tile * (1 - OVERLAP))))
    return [round(number * (length - tile) / (count - 1)) for number in range(count)]


def _fade(length: int) -> Pixels:
    """A tent: the middle of a tile counts most, its border hardly."""
    place = (np.arange(length, dtype=np.float32) + 0.5) / length
    return np.minimum(place, 1 - place).clip(0.01, OVERLAP)
