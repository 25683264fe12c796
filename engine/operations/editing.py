"""Editing: a picture is changed as the prompt says, by models made for that and by all others."""

# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import replace
from typing import cast

from PIL import Image, ImageStat

from engine.loading.pipeline_classes import mixes_cells, takes_lists
from engine.operations.context import OperationContext
from engine.operations.describing import captions_of
from engine.operations.difference_walk import DifferenceWalk
from engine.operations.draw import draw
from engine.operations.drawing import within_mask
from engine.operations.edit_mask import found_mask
from engine.operations.img2img_from_noise import PictureOrigin
from engine.operations.instructions import picture_to_be
from engine.operations.pixels import Pixels, fitted, inward_feather, pixels_of, resized
from engine.operations.redrawing import RememberedEdit, mask_of
from engine.operations.remembered import settled
from engine.pictures.images import open_mask, open_picture
from engine.pipelines.references import References
from engine.requests import Edit
from engine.sampling.step_watch import with_inner

FEATHER = 1 / 64
"""The share of a picture's shorter side over which the change fades in, inside of the mask."""
EVERYWHERE = 0.98
"""A found mask whose white covers at least this share of the picture is not shown: it tells nothing."""
STRENGTH = 0.9
"""The `strength` inside of the mask, for models that were not made for editing."""
FIRMNESS = 1.8
"""What the guidance scale is multiplied by, for models that were not made for editing; not where noise is settled."""


def edit(context: OperationContext) -> list[Pixels]:
    """Change a picture; outside of the mask every pixel stays as it is, at the picture's own size and to the bit."""
    request = cast(Edit, context.request)
    picture = open_picture(request.image)
    mask = None if request.mask is None else open_mask(request.mask, picture.size)
    references = context.model.spec.references
    if references is None:
        return by_difference(context, picture, mask)
    cells = by_instruction(context, picture, references)
    return cells if mask is None else pasted(picture, mask, cells)


def by_instruction(context: OperationContext, picture: Image.Image, references: References) -> list[Pixels]:
    """The model's own editing: the pictures are references beside the noise, and the prompt is an instruction."""
    request = cast(Edit, context.request)
    others = [open_picture(other, f"references.{i}") for i, other in enumerate(request.references)]
    pictures = [fitted(picture, context.size), *(_within(other, context.size) for other in others)]
    asked = context.asking(prompt=references.words(request.prompt, len(pictures)))
    given = pictures if references.is_list else pictures[0]
    return draw(replace(asked, references={references.parameter: given}), "edit")


def pasted(picture: Image.Image, mask: Image.Image, cells: list[Pixels]) -> list[Pixels]:
    """The picture with the cells in the white of the mask; where the mask is black it keeps its values to the bit.

    The tone of the cells is left as it is: a new colour may be what was asked for.
    """
    new = inward_feather(mask, round(FEATHER * min(picture.size)))[..., None]
    under = pixels_of(picture)
    return [under + new * (resized(cell, picture.size) - under) for cell in cells]


def by_difference(context: OperationContext, picture: Image.Image, mask: Image.Image | None) -> list[Pixels]:
    """Any other model's editing: the prompt says what the picture shall show, and where is found or given."""
    given, old = context, described(context, picture)
    context = _understood(context, old)
    remembered = RememberedEdit.of(context, picture, old)
    if remembered is not None and (anew := remembered.redrawn()) is not None:
        mask = mask or _shown(given, mask_of(anew, picture.size, context.size))
        return pasted(picture, mask, remembered.drawn(anew, mask))
    with settled(context, picture.resize(context.size, Image.Resampling.BILINEAR), old):
        if mask is None:
            mask = found_mask(context, picture, old)
            mask = _shown(given, mask if remembered is None else remembered.around_the_thing(mask))
        if _takes_pairs(context):
            cells = _walked(context, picture, mask, old)
            return pasted(picture, mask, cells if remembered is None else remembered.shaded(cells, mask))
        # Some families take one prompt at a time: there the region is drawn anew.
        return pasted(picture, mask, within_mask(context, picture, mask, STRENGTH))


def _understood(context: OperationContext, old: str) -> OperationContext:
    """With the words of the picture to be, where an instruction was said of a picture of the `old` words."""
    said = context.request.prompt
    new = picture_to_be(said, old)
    if new == said:
        return context
    context.notes.append(f"“{said}” was read as “{new}”")
    return context.asking(prompt=new, prompt_parts=())


def _takes_pairs(context: OperationContext) -> bool:
    """Whether one call may draw rows of two prompts, each from its own noise; read from the signature."""
    model = context.model
    if context.request.prompt_parts or model.is_modular or model.stages or not model.supports("text_to_image"):
        return False
    made = model.pipeline("text_to_image", context.request.noise_scheduler)
    return len(with_inner(made)) == 1 and not mixes_cells(type(made)) and takes_lists(type(made))


def _walked(context: OperationContext, picture: Image.Image, mask: Image.Image, old: str) -> list[Pixels]:
    start, where = (each.resize(context.size, Image.Resampling.BILINEAR) for each in (picture, mask))
    origin = PictureOrigin(start, STRENGTH, where, context.vae)
    context.watch.walk = DifferenceWalk(origin, STRENGTH, context.request.cell_seeds, context.watch.settle)
    try:
        return draw(replace(_firmly(context), beside=old), "text_to_image")
    finally:
        context.watch.walk = None


def _shown(context: OperationContext, mask: Image.Image) -> Image.Image:
    """Where to change; it is shown to the member unless that is everywhere."""
    if ImageStat.Stat(mask).mean[0] >= EVERYWHERE * 255:
        context.notes.append("all of the picture changed; Edit region changes a part of it")
    else:
        context.mask = mask
    return mask


def _firmly(context: OperationContext) -> OperationContext:
    """With more guidance, where there is any: only the difference of two answers is taken, and that is smaller.

    A model with a memory answers so clearly where its noise is settled that more would draw fringes.
    """
    if context.watch.settle is not None:
        return context
    asked, usual = context.request.guidance_scale, context.model.spec.guidance_scale
    guidance = usual if asked is None else asked
    return context.asking(guidance_scale=guidance * FIRMNESS) if guidance > 1 else context


def described(context: OperationContext, picture: Image.Image) -> str:
    """What the picture shows, in the words it was drawn from, else in those of the captioner."""
    if said := cast(Edit, context.request).description:
        return said
    captions, note = captions_of(context, picture, 1)
    context.notes.append(f"the picture was taken for “{captions[0]}” ({note})")
    return captions[0]


def _within(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """No more pixels than the size has, in the picture's own shape."""
    scale = min(1.0, (size[0] * size[1] / (picture.width * picture.height)) ** 0.5)
    small = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture if scale == 1 else picture.resize(small, Image.Resampling.LANCZOS)
