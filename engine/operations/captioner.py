"""Captions by the host's own image-to-text model."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (transformers leaves most types open)

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, PreTrainedModel

from engine.batching.lanes import Lane
from engine.batching.module_proxies import parking_view
from engine.operations.tool_model import read_tool

MAX_NEW_TOKENS = 40


@dataclass(frozen=True, slots=True)
class Captioner:
    """An image-to-text model and its processor."""

    name: str
    model: Any
    processor: Any

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> Captioner:
        """From a local folder: safetensors only, none of its own code is run. Raises `ModelLoadFailed`."""
        model, processor = read_tool("captioner", folder, device, AutoModelForImageTextToText, AutoProcessor)
        return cls(folder.name, model, processor)

    def captions(self, picture: Image.Image, count: int, lane: Lane) -> tuple[str, ...]:
        """The `count` likeliest descriptions (fewer where they are the same), each pass of the model parked."""
        inputs = self.processor(images=picture, return_tensors="pt").to(self.model.device, self.model.dtype)
        # Beams, not dice: the same picture always gets the same words. And without a cache that passes would change.
        beams = {"num_beams": count, "num_return_sequences": count, "do_sample": False, "use_cache": False}
        tokens = _parking(self.model, lane).generate(**inputs, **beams, max_new_tokens=MAX_NEW_TOKENS)
        said = (" ".join(text.split()) for text in self.processor.batch_decode(tokens, skip_special_tokens=True))
        return tuple(dict.fromkeys(filter(None, said)))


def _parking(model: PreTrainedModel, lane: Lane) -> Any:
    """A view of the model whose calls park, also those of the language model inside it (BLIP)."""
    view = parking_view(model, lane)
    inner = {
        name: parking_view(part, lane) if isinstance(part, PreTrainedModel) else part
        for name, part in model.named_children()
    }
    vars(view)["_modules"] = {**vars(model)["_modules"], **inner}
    return view
