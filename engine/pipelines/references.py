"""Which pipelines edit pictures by words: these go in as references, beside the noise to start from. Torch-free."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from engine.pipelines.signatures import Signature

_NO_EDITORS = re.compile("UniDiffuser|UnCLIP|VersatileDiffusion|StableCascade|UNet")
"""They take a picture for another end: to describe it, or to draw something like it."""
_MODULAR = re.compile("(Kontext|Flux2|Edit|QwenImage21).*ModularPipeline$")
"""The blocks of a Modular family stand side by side in the source, so that only its name says what it edits."""
_MOST: dict[str, int] = {
    "DreamLiteMobilePipeline": 1,
    "Flux2KleinKVPipeline": 4,
    "Flux2KleinPipeline": 4,
    "Flux2Pipeline": 8,
    "BriaFiboEditPipeline": 3,
    "GlmImagePipeline": 3,
    "JoyImageEditPlusPipeline": 3,
    "OmniGenPipeline": 3,
    "QwenImage21Pipeline": 3,
    "QwenImageEditPlusPipeline": 3,
    "QwenImageEditPlusModularPipeline": 3,
    "ZImageOmniPipeline": 3,
}
"""How many pictures at most; every other class takes one."""
_ALL_CELLS = frozenset(
    {
        "Flux2KleinPipeline",
        "Flux2Pipeline",
        "FluxKontextPipeline",
        "StableDiffusionInstructPix2PixPipeline",
        "StableDiffusionXLInstructPix2PixPipeline",
    }
)
"""They draw each cell of one call as they draw it alone; `tests/engine/operations/test_editors.py` proves it."""


@dataclass(frozen=True, slots=True)
class References:
    """How a pipeline takes the pictures that it edits."""

    parameter: str
    most: int = 1
    shares_call: bool = False
    """Whether one call may draw all cells."""
    is_json: bool = False
    """Whether the prompt must be an object of JSON with an `edit_instruction` (FIBO-Edit)."""

    @property
    def is_list(self) -> bool:
        """Whether it takes several pictures, as a list."""
        return self.most > 1

    def words(self, prompt: str, pictures: int) -> str:
        """The prompt in the form that this pipeline reads."""
        if self.is_json:
            return json.dumps({"edit_instruction": prompt}, ensure_ascii=False)
        if self.parameter != "input_images":
            return prompt
        marks = " ".join(f"<img><|image_{number}|></img>" for number in range(1, pictures + 1))
        return f"{marks} {prompt}"


def references_of(pipeline: str, signature: Signature) -> References | None:
    """How a class of this name takes references; None for one that does not edit."""
    most = _MOST.get(pipeline, 1)
    if _MODULAR.search(pipeline):
        return References("image", most)
    names = signature.defaults
    if _NO_EDITORS.search(pipeline) or {"strength", "mask_image"} & names.keys():
        return None
    parameter = next((name for name in ("image", "input_images") if name in names), "")
    if pipeline in _MOST and "images" in names:
        parameter = "images"
    if not parameter:
        return None
    return References(parameter, most, pipeline in _ALL_CELLS, pipeline.startswith("BriaFiboEdit"))
