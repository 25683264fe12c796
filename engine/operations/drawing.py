"""Text to image, image to image and inpainting; by the family's own pipeline where it has one."""

from __future__ import annotations

from typing import cast

import numpy as np
from PIL import Image

from engine.operations.context import Easel
from engine.operations.image_embeddings import from_meaning
from engine.operations.img2img_from_noise import PictureOrigin
from engine.operations.pixels import Pixels, cover, fitted, inward_feather, picture_of, pixels_of, resized
from engine.operations.seams import FEATHER, join
from engine.pictures.images import open_mask, open_picture
from engine.requests import Blend, ImageToImage, Inpaint

BLEND_STRENGTH = 0.7
"""How far from the mean of pixels, where nothing else is asked."""


def text_to_image(easel: Easel) -> list[Pixels]:
    """Draw from words alone."""
    return easel.draw("text_to_image")


def image_to_image(easel: Easel) -> list[Pixels]:
    """Draw starting from a picture."""
    request = cast(ImageToImage, easel.request)
    return from_picture(easel, open_picture(request.image), request.strength)


def inpaint(easel: Easel) -> list[Pixels]:
    """Draw where the mask is white; the rest of the picture stays as it is, at its own size and to the bit."""
    request = cast(Inpaint, easel.request)
    picture = open_picture(request.image)
    mask = open_mask(request.mask, picture.size)
    cells = within_mask(easel, picture, mask, request.strength)
    feather_px = round(FEATHER / 2 * min(picture.size)) if request.feather_px is None else request.feather_px
    kept, under = 1 - inward_feather(mask, feather_px), pixels_of(picture)
    return [join(under, resized(cell, picture.size), kept) for cell in cells]


def blend(easel: Easel) -> list[Pixels]:
    """Draw from the weighted mean of several pictures: of what they show where the model can see, else of pixels."""
    request = cast(Blend, easel.request)
    weights = request.weights or (1.0,) * len(request.images)
    total = sum(weights)
    pictures = [cover(open_picture(image, f"images.{i}"), easel.size) for i, image in enumerate(request.images)]
    shares = [weight / total for weight in weights]
    if request.strength is None and (cells := from_meaning(easel, pictures, shares)):
        return cells
    mean = np.sum([share * pixels_of(picture) for share, picture in zip(shares, pictures, strict=True)], axis=0)
    return from_picture(easel, picture_of(mean), BLEND_STRENGTH if request.strength is None else request.strength)


def from_picture(easel: Easel, picture: Image.Image, strength: float) -> list[Pixels]:
    """Image to image, for all cells, at the size the model draws."""
    start = fitted(picture, easel.size)
    strength = easel.at_least_a_step(strength)
    if easel.model.supports("image_to_image"):
        return easel.draw("image_to_image", image=start, strength=strength)
    return _from_origin(easel, start, strength, None)


def within_mask(easel: Easel, picture: Image.Image, mask: Image.Image, strength: float) -> list[Pixels]:
    """Inpainting, for all cells, at the size the model draws; what is outside the mask is only roughly kept."""
    start = picture.resize(easel.size, Image.Resampling.LANCZOS)
    where = mask.resize(easel.size, Image.Resampling.BILINEAR)
    strength = easel.at_least_a_step(strength)
    if easel.model.supports("inpaint"):
        return easel.draw("inpaint", image=start, mask_image=where, strength=strength)
    return _from_origin(easel, start, strength, where)


def _from_origin(easel: Easel, start: Image.Image, strength: float, mask: Image.Image | None) -> list[Pixels]:
    easel.watch.origin = PictureOrigin(start, strength, mask, easel.vae)
    try:
        return easel.draw("text_to_image")
    finally:
        easel.watch.origin = None
