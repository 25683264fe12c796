"""Image to image, inpainting and blends; by the family's own pipeline where it has one."""

from __future__ import annotations

from typing import cast

import numpy as np
from PIL import Image

from engine.operations.context import OperationContext
from engine.operations.draw import draw
from engine.operations.image_embeddings import from_meaning
from engine.operations.img2img_from_noise import PictureOrigin
from engine.operations.pixels import Pixels, cover, fitted, inward_feather, picture_of, pixels_of, resized
from engine.operations.remembered import WHOLE, Frames, Part, settled
from engine.operations.seams import FEATHER, join
from engine.pictures.images import open_mask, open_picture
from engine.requests import Blend, ImageToImage, Inpaint

BLEND_STRENGTH = 0.7
"""The default strength of a blend of pixels."""
_HELD, _FREE = 0.5, 0.8
"""Up to which strength a thing stands as it does in the picture, and from which on as the seed says."""


def image_to_image(context: OperationContext) -> list[Pixels]:
    """Draw starting from a picture."""
    request = cast(ImageToImage, context.request)
    picture = open_picture(request.image)
    with settled(context, fitted(picture, context.size), request.prompt, _freedom(request.strength)):
        return from_picture(context, picture, request.strength)


def inpaint(context: OperationContext) -> list[Pixels]:
    """Draw where the mask is white; the rest of the picture stays as it is, at its own size and to the bit."""
    request = cast(Inpaint, context.request)
    picture = open_picture(request.image)
    mask = open_mask(request.mask, picture.size)
    cells = within_mask(context, picture, mask, request.strength)
    feather_px = round(FEATHER / 2 * min(picture.size)) if request.feather_px is None else request.feather_px
    kept, under = 1 - inward_feather(mask, feather_px), pixels_of(picture)
    return [join(under, resized(cell, picture.size), kept) for cell in cells]


def blend(context: OperationContext) -> list[Pixels]:
    """Draw from the weighted mean of several pictures: of what they show where the model can see, else of pixels."""
    request = cast(Blend, context.request)
    weights = request.weights or (1.0,) * len(request.images)
    total = sum(weights)
    pictures = [cover(open_picture(image, f"images.{i}"), context.size) for i, image in enumerate(request.images)]
    shares = [weight / total for weight in weights]
    if request.strength is None and (cells := from_meaning(context, pictures, shares)):
        return cells
    mean = np.sum([share * pixels_of(picture) for share, picture in zip(shares, pictures, strict=True)], axis=0)
    return from_picture(context, picture_of(mean), BLEND_STRENGTH if request.strength is None else request.strength)


def from_picture(context: OperationContext, picture: Image.Image, strength: float) -> list[Pixels]:
    """Image to image, for all cells, at the size the model draws."""
    with settled(context, fitted(picture, context.size), context.request.prompt):
        return redrawn(context, picture, strength)


def redrawn(context: OperationContext, picture: Image.Image, strength: float) -> list[Pixels]:
    """As `from_picture`, for a picture that is a part of another one."""
    start = fitted(picture, context.size)
    strength = context.at_least_a_step(strength)
    if context.model.supports("image_to_image"):
        return draw(context, "image_to_image", image=start, strength=strength)
    return _from_origin(context, start, strength, None)


def within_mask(
    context: OperationContext,
    picture: Image.Image,
    mask: Image.Image,
    strength: float,
    inner: tuple[Image.Image, Part] | None = None,
) -> list[Pixels]:
    """Inpainting, for all cells, at the size the model draws; what is outside the mask is only roughly kept.

    `inner` is the picture that was given, and where in this one it lies, unless it is the whole.
    """
    start = picture.resize(context.size, Image.Resampling.LANCZOS)
    where = mask.resize(context.size, Image.Resampling.BILINEAR)
    strength = context.at_least_a_step(strength)
    given, at = inner or (start, WHOLE)
    with Frames(given, context).drawing(at, where):
        if context.model.supports("inpaint"):
            return draw(context, "inpaint", image=start, mask_image=where, strength=strength)
        return _from_origin(context, start, strength, where)


def _freedom(strength: float) -> float:
    """How far what a model remembers may move: not at all where much of the picture is kept, freely where little is."""
    return min(1.0, max(0.0, (strength - _HELD) / (_FREE - _HELD)))


def _from_origin(
    context: OperationContext, start: Image.Image, strength: float, mask: Image.Image | None
) -> list[Pixels]:
    context.watch.origin = PictureOrigin(start, strength, mask, context.vae)
    try:
        return draw(context, "text_to_image")
    finally:
        context.watch.origin = None
