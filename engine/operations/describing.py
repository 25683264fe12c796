"""What is in a picture, as prompts."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import cast

from PIL import Image

from engine.batching.module_proxies import parking_view
from engine.operations.context import OperationContext
from engine.operations.pixels import Pixels, tensor_of
from engine.pictures.images import open_picture
from engine.requests import Describe


def describe(context: OperationContext) -> list[Pixels]:
    """No pictures, but captions: by the host's image-to-text model, else by the embedded picture encoder."""
    request = cast(Describe, context.request)
    context.captions, note = captions_of(context, open_picture(request.image), request.num_images)
    context.notes.append(note)
    context.watch.on_step(1, 1, None)
    return []


def captions_of(context: OperationContext, picture: Image.Image, count: int) -> tuple[tuple[str, ...], str]:
    """The likeliest captions of a picture, and a note for the member that says whose they are."""
    if (captioner := context.tools.captioner) is not None and (
        captions := captioner.captions(picture, count, context.lane)
    ):
        return captions, f"described by {captioner.name}"
    return _by_labels(context, picture, count)


def _by_labels(context: OperationContext, picture: Image.Image, count: int) -> tuple[tuple[str, ...], str]:
    """The best label in the best style, then further labels."""
    describer = context.tools.describer
    pixels = tensor_of(picture).to(context.model.device)
    seen, options = parking_view(describer.encoder, context.lane)(pixels * 2 - 1)
    best = (seen.float().cpu() @ describer.anchors.T)[0].argsort(descending=True)
    style = describer.styles[int(options[0].argmax())]
    labels = [describer.labels[int(index)] for index in best[:count]]
    known = f"{len(describer.labels)} everyday things and {len(describer.styles)} drawing styles"
    captions = tuple(f"{label}, {style}" for label in labels)
    return captions, f"the nearest of the {known} that the embedded describer knows"
