"""What a diffusers pipeline draws, and from what, as its name and parameters say. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from engine.pipelines.controls import needs_control, plain_class
from engine.pipelines.signatures import Signature

Task = Literal["text_to_image", "image_to_image", "inpaint", "edit"]
Need = Literal["words", "picture", "mask", "control"]

TASK_MARK = re.compile("Img2Img|Inpainting|Inpaint|Text2Img")
_WORDS, _MASK = "Text2Img", re.compile("Inpaint|Fill")
_PICTURE = re.compile("Img2Img|Depth2Img|Pix2Pix|Edit(?!ing)|I2I|ImageToImage")
_NEEDS_MORE = {
    re.compile("ControlNet|Control|Adapter"): "it needs a control picture with every request",
    re.compile("Upscale|SuperResolution|ImageRefiner"): "it only enlarges pictures",
    re.compile("Prior|Redux"): "it is the first half of a model and draws no pictures itself",
    re.compile("Variation|UnCLIPImage|VisualCloze|Layered|GLIGEN|PaintByExample|DiffEdit|Pix2PixZero"): (
        "it needs more than words to draw"
    ),
    re.compile("ShapE"): "it makes shapes of three dimensions",
}
_GIVEN = frozenset({"prompt", "image", "mask_image"})
_FILM = frozenset({"num_frames", "video_length", "video", "frames", "audio_length_in_s", "audio_end_in_s"})
_FILM_BLOCKS = _FILM | {"frame_rate", "fps", "audio_duration"}
_PICTURES = frozenset({"images", "image"})


def task_of(pipeline: str) -> Task:
    """What a pipeline of this class name was made for."""
    if _MASK.search(pipeline):
        return "inpaint"
    return "image_to_image" if _PICTURE.search(pipeline) and _WORDS not in pipeline else "text_to_image"


def need_of(pipeline: str, is_known: Callable[[str], bool]) -> Need:
    """The least a request must bring: words do where the family has a class that draws from them alone."""
    task, plain = task_of(pipeline), TASK_MARK.sub("", pipeline)
    if task == "text_to_image" or (plain != pipeline and is_known(plain)):
        return "words"
    return "mask" if task == "inpaint" else "picture"


def unfit(pipeline: str, signature: Signature) -> str:
    """Why no request can be drawn with this class, "" if one can or if that is not known."""
    if needs_control(pipeline) or plain_class(pipeline) != pipeline:
        return ""
    for pattern, why in _NEEDS_MORE.items():
        if pattern.search(pipeline):
            return why
    if _FILM & signature.defaults.keys() or _FILM_BLOCKS & signature.blocks:
        return "it makes films or sound"
    if signature.blocks:
        return ""  # which block takes what, and whether it must, is said in code
    if signature.makes and not signature.makes & _PICTURES:
        return f"it makes {' and '.join(sorted(signature.makes))}"
    if signature.is_known and "prompt" not in signature.defaults:
        return "it takes no prompt"
    lacking = signature.required - _GIVEN
    return f"it wants {' and '.join(sorted(lacking))} with every request" if lacking else ""
