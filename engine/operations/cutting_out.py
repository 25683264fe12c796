"""*Cut out*: the picture without its background."""

from __future__ import annotations

from typing import cast

import numpy as np

from engine.errors import InvalidRequest
from engine.operations.context import OperationContext
from engine.operations.pixels import Pixels
from engine.pictures.images import open_with_alpha
from engine.requests import CutOut

LEAST = 1 / 1000
"""A foreground of a smaller share of the picture is none."""


def cut_out(context: OperationContext) -> list[Pixels]:
    """The picture as bytes (height, width, 4), transparent where the host's model sees the background.

    What was transparent stays so. Raises `InvalidRequest` where nothing would be left.
    """
    request = cast(CutOut, context.request)
    picture = open_with_alpha(request.image)
    segmenter = context.tools.segmenter
    if segmenter is None:
        raise InvalidRequest("cutout", "nothing is set up here that cuts out pictures")
    colours = np.asarray(picture.convert("RGB"))
    seen = np.asarray(segmenter.foreground(picture.convert("RGB"), context.lane), dtype=np.float32)
    if picture.mode == "RGBA":
        seen = seen * (np.asarray(picture.getchannel("A"), dtype=np.float32) / 255)
    if float((seen >= 128).mean()) < LEAST:
        raise InvalidRequest("image", "nothing in it stands out from the background, so nothing would be left")
    context.notes.append(f"cut out by {segmenter.name}")
    context.watch.on_step(1, 1, None)
    return [np.dstack([colours, seen.round().astype(np.uint8)])]
