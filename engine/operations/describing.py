"""What is in a picture, as prompts: the nearest labels and the drawing style, by the embedded picture encoder."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import cast

from engine.images import open_picture
from engine.lanes import parking_view
from engine.operations.easel import Easel
from engine.operations.pixels import Pixels, tensor_of
from engine.requests import Describe


def describe(easel: Easel) -> list[Pixels]:
    """No pictures, but captions: the best label in the best styles, then further labels."""
    request = cast(Describe, easel.request)
    describer = easel.tools.describer
    pixels = tensor_of(open_picture(request.image)).to(easel.model.device)
    seen, manner = parking_view(describer.encoder, easel.lane)(pixels * 2 - 1)
    best = (seen.float().cpu() @ describer.anchors.T)[0].argsort(descending=True)
    style = describer.styles[int(manner[0].argmax())]
    labels = [describer.labels[int(index)] for index in best[: request.num_images]]
    easel.captions = tuple(f"{label}, {style}" for label in labels)
    known = f"{len(describer.labels)} everyday things and {len(describer.styles)} drawing styles"
    easel.notes.append(f"the nearest of the {known} that the embedded describer knows")
    easel.watch.on_step(1, 1, None)
    return []
