"""Operations: for each kind of request, a function that runs inside the lane's greenlet."""

from __future__ import annotations

from collections.abc import Callable

from engine.batching.lanes import Stage
from engine.batching.module_modes import wrappable
from engine.batching.module_proxies import stage_of
from engine.errors import InvalidRequest
from engine.operations.context import OperationContext
from engine.operations.control import controlled
from engine.operations.cutting_out import cut_out
from engine.operations.describing import describe
from engine.operations.draw import text_to_image
from engine.operations.drawing import blend, image_to_image, inpaint
from engine.operations.editing import edit
from engine.operations.outcome import Outcome
from engine.operations.outpainting import outpaint
from engine.operations.pixels import Pixels
from engine.operations.prompt_tokens import listen, names_something_known
from engine.operations.upscaling import upscale
from engine.operations.writing import rewrite
from engine.requests import (
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

OPERATIONS: dict[type[ImageRequest], Callable[[OperationContext], list[Pixels]]] = {
    ImageRequest: text_to_image,
    ImageToImage: image_to_image,
    Inpaint: inpaint,
    Outpaint: outpaint,
    Blend: blend,
    Upscale: upscale,
    Describe: describe,
    CutOut: cut_out,
    Rewrite: rewrite,
    Edit: edit,
}


def operate(context: OperationContext) -> Outcome:
    """Run the request's operation. Raises `InvalidRequest` for what the model's family cannot do."""
    _refuse_tile(context)
    heard = listen(context.lane)
    if context.request.control is not None:
        context = controlled(context)
    cells = OPERATIONS[type(context.request)](context)
    context.notes += heard.notes(context.request, context.model.base.components)
    is_known = names_something_known(context.request, context.model.base.components)
    if not is_known:
        context.notes.append(f"{context.model.spec.name} has no drawing of anything named here, so this is a guess")
    return Outcome(
        cells,
        context.watch.latents,
        context.captions,
        tuple(context.notes),
        noise_scheduler=next(iter(context.noise_schedulers), ""),
        sampler=next(iter(context.samplers), ""),
        upscaler=context.upscaler,
        mask=context.mask,
        control=context.control.map if context.control else None,
        is_known=is_known,
    )


def _refuse_tile(context: OperationContext) -> None:
    if not context.request.tile:
        return
    denoisers = [part for part in context.model.parkable.values() if stage_of(part) is Stage.DENOISE]
    if not any(wrappable(part) for part in denoisers):
        raise InvalidRequest("tile", f"{context.model.spec.name} has no convolutions, so its borders cannot meet")
