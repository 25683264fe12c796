"""What is in a picture, as prompts."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import cast

from PIL import Image

from engine.batching.module_proxies import parking_view
from engine.operations.context import Easel
from engine.operations.pixels import Pixels, tensor_of
from engine.pictures.images import open_picture
from engine.requests import Describe


def describe(easel: Easel) -> list[Pixels]:
    """No pictures, but captions: by the host's image-to-text model, else by the embedded picture encoder."""
    request = cast(Describe, easel.request)
    picture = open_picture(request.image)
    if (captioner := easel.tools.captioner) is not None:
        easel.captions = captioner.captions(picture, request.num_images, easel.lane)
        easel.notes.append(f"described by {captioner.name}")
    if not easel.captions:
        _by_labels(easel, picture, request.num_images)
    easel.watch.on_step(1, 1, None)
    return []


def _by_labels(easel: Easel, picture: Image.Image, count: int) -> None:
    """The best label in the best style, then further labels."""
    describer = easel.tools.describer
    pixels = tensor_of(picture).to(easel.model.device)
    seen, manner = parking_view(describer.encoder, easel.lane)(pixels * 2 - 1)
    best = (seen.float().cpu() @ describer.anchors.T)[0].argsort(descending=True)
    style = describer.styles[int(manner[0].argmax())]
    labels = [describer.labels[int(index)] for index in best[:count]]
    easel.captions = tuple(f"{label}, {style}" for label in labels)
    known = f"{len(describer.labels)} everyday things and {len(describer.styles)} drawing styles"
    easel.notes.append(f"the nearest of the {known} that the embedded describer knows")
