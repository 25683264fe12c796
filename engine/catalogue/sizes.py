"""The size in pixels that a model draws for a request. Torch-free."""

from __future__ import annotations

import math

from PIL import Image

from engine.catalogue.outpaint_geometry import Canvas, Size, scaled
from engine.errors import InvalidRequest
from engine.model_spec import ModelSpec
from engine.pictures.images import open_mask, open_picture, picture_size
from engine.requests import (
    MAX_SIDE,
    Blend,
    CutOut,
    Describe,
    Edit,
    ImageRequest,
    ImageToImage,
    Inpaint,
    Outpaint,
    Rewrite,
    Upscale,
)

CREATIVE_FACTOR = 2.0
"""The largest factor of a creative upscale."""
MASK_STRETCH = 1.1
"""A mask may differ in shape from its picture by this factor."""
MAX_STRETCH = 16
"""The longer side of a picture may be so many times the shorter one."""


def choose_size(spec: ModelSpec, request: ImageRequest) -> tuple[Size, tuple[str, ...]]:
    """The size to draw, and a note when it is not the one asked for.

    Decodes the request's pictures to prove them; raises `InvalidRequest` naming the field.
    """
    pictures = _picture_sizes(request)
    for size in pictures:
        _prove_shape(size)
    match request:
        case Outpaint():
            left, top, right, bottom = Canvas.of(pictures[0], request).window
            return fit_area((right - left, bottom - top), spec), ()
        case Upscale():
            if max(pictures[0]) >= MAX_SIDE:
                raise InvalidRequest("image", f"it has {MAX_SIDE} pixels a side already, the most I make")
            return pictures[0], ()
        case CutOut():
            return pictures[0], ()
        case Describe() | Rewrite():
            return (spec.width, spec.height), ()
        case _:
            return _asked_size(spec, request, pictures)


def result_size(request: ImageRequest) -> Size:
    """The size of the pictures that come of a resolved request: not always the one its model draws."""
    match request:
        case Outpaint():
            return Canvas.of(picture_size(request.image), request).size
        case Inpaint():
            return picture_size(request.image)
        case Edit(keeps_size=True):
            return picture_size(request.image)
        case Upscale(width=int(width), height=int(height)):
            return scaled((width, height), enlargement((width, height), request))
        case _:
            return request.width or 0, request.height or 0


def enlargement(size: Size, request: Upscale) -> float:
    """How many times larger a picture of that size becomes."""
    factor = min(request.factor, CREATIVE_FACTOR) if request.mode == "creative" else request.factor
    return min(factor, MAX_SIDE / max(size))


def _asked_size(spec: ModelSpec, request: ImageRequest, pictures: tuple[Size, ...]) -> tuple[Size, tuple[str, ...]]:
    if request.width is None and request.height is None and pictures:
        return fit_area(pictures[0], spec), ()
    asked = (request.width or spec.width, request.height or spec.height)
    chosen = snap(asked, spec)
    note = f"size changed from {asked[0]}x{asked[1]} to {chosen[0]}x{chosen[1]}: what {spec.name} can make"
    return chosen, () if chosen == asked else (note,)


def _picture_sizes(request: ImageRequest) -> tuple[Size, ...]:
    if isinstance(request, Inpaint):
        size = open_picture(request.image).size
        _prove_mask(open_mask(request.mask), size)
        return (size,)
    if isinstance(request, Edit):
        return _edited_sizes(request)
    if isinstance(request, ImageToImage | Outpaint | Upscale | Describe | CutOut):
        return (open_picture(request.image).size,)
    if isinstance(request, Blend):
        return tuple(open_picture(picture, f"images.{i}").size for i, picture in enumerate(request.images))
    return () if request.control is None else (open_picture(request.control.image, "control").size,)


def _edited_sizes(request: Edit) -> tuple[Size, ...]:
    size = open_picture(request.image).size
    if request.mask is not None:
        _prove_mask(open_mask(request.mask), size)
    others = (open_picture(other, f"references.{i}").size for i, other in enumerate(request.references))
    return (size, *others)


def _prove_shape(size: Size) -> None:
    if max(size) > MAX_STRETCH * min(size):
        why = f"{size[0]}x{size[1]} is too narrow; at most {MAX_STRETCH} times as long as wide is taken, so crop it"
        raise InvalidRequest("image", why)


def _prove_mask(mask: Image.Image, size: Size) -> None:
    stretch = math.log(mask.width / mask.height * size[1] / size[0])
    if abs(stretch) > math.log(MASK_STRETCH):
        why = f"it has {mask.width}x{mask.height} pixels, the picture {size[0]}x{size[1]}; give it the same shape"
        raise InvalidRequest("mask", why)
    if not any(mask.histogram()[128:]):
        raise InvalidRequest("mask", "there is nothing white in it; paint white what is to be drawn anew")


def fit_area(size: Size, spec: ModelSpec) -> Size:
    """The same aspect ratio at about the model's own pixel count, snapped."""
    scale = math.sqrt(spec.width * spec.height / (size[0] * size[1]))
    return snap((max(1, round(size[0] * scale)), max(1, round(size[1] * scale))), spec)


def snap(size: Size, spec: ModelSpec) -> Size:
    """The nearest size the model can make: whole multiples, and at most four times its own pixel count."""
    scale = min(1.0, math.sqrt(4 * spec.width * spec.height / (size[0] * size[1])), MAX_SIDE / max(size))
    width, height = (max(1, round(side * scale / spec.size_multiple)) * spec.size_multiple for side in size)
    return width, height
