"""Requests: frozen values of plain types that can be pickled. Torch-free."""

from engine.requests.from_pictures import WORDLESS_BLEND, Blend, Edit, ImageToImage, Inpaint, Outpaint
from engine.requests.image_request import (
    MAX_PROMPT_CHARS,
    MAX_SEED,
    MAX_SIDE,
    MAX_STYLE_WEIGHT,
    USUAL_STYLE_WEIGHT,
    Control,
    ImageRequest,
    LoRA,
    PromptPart,
    StyleImage,
)
from engine.requests.tool_requests import CutOut, Describe, Rewrite, Upscale

__all__ = [
    "MAX_PROMPT_CHARS",
    "MAX_SEED",
    "MAX_SIDE",
    "MAX_STYLE_WEIGHT",
    "USUAL_STYLE_WEIGHT",
    "WORDLESS_BLEND",
    "Blend",
    "Control",
    "CutOut",
    "Describe",
    "Edit",
    "ImageRequest",
    "ImageToImage",
    "Inpaint",
    "LoRA",
    "Outpaint",
    "PromptPart",
    "Rewrite",
    "StyleImage",
    "Upscale",
]
