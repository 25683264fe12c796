"""What a diffusers pipeline draws, and from what, as its name and parameters say. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal

Task = Literal["text_to_image", "image_to_image", "inpaint"]

TASK_MARK = re.compile("Img2Img|Inpainting|Inpaint|Text2Img")
_WORDS, _MASK = "Text2Img", re.compile("Inpaint|Fill")
_PICTURE = re.compile("Img2Img|Depth2Img|Pix2Pix|Edit|I2I|ImageToImage")
_NEEDS_MORE = {
    re.compile("ControlNet|Control|Adapter"): "it needs a control picture with every request",
    re.compile("Upscale"): "it only enlarges pictures",
    re.compile("Prior|Redux"): "it is the first half of a model and draws no pictures itself",
    re.compile("Variation|UnCLIPImage|VisualCloze|Layered|Gligen|PaintByExample"): "it needs more than words to draw",
}
_FILM = frozenset({"num_frames", "video", "frames", "audio_length_in_s", "audio_end_in_s"})


def task_of(pipeline: str) -> Task:
    """What a pipeline of this class name was made for."""
    if _MASK.search(pipeline):
        return "inpaint"
    return "image_to_image" if _PICTURE.search(pipeline) and _WORDS not in pipeline else "text_to_image"


def unfit(pipeline: str, takes: Collection[str]) -> str:
    """Why no request can be drawn with this class, "" if one can; `takes` are its parameters, none where unknown."""
    for pattern, why in _NEEDS_MORE.items():
        if pattern.search(pipeline):
            return why
    if _FILM & set(takes):
        return "it makes films or sound"
    return "it takes no prompt" if takes and "prompt" not in takes else ""
