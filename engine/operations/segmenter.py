"""What is in the foreground of a picture, by the host's own segmentation model."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (transformers leaves most types open)

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation

from engine.batching.lanes import Lane
from engine.batching.module_proxies import parking_view
from engine.errors import ModelLoadFailed
from engine.operations.tool_model import read_tool

BACKGROUND = ("background", "other", "unlabeled")
"""What models call the label of everything that is no thing."""
SURE = 0.05
"""A share of background below this is none, and one above 1 - `SURE` is all."""


@dataclass(frozen=True, slots=True)
class Segmenter:
    """A semantic segmentation model of transformers, and its image processor."""

    name: str
    model: Any
    processor: Any
    background: int | None
    """Which of its labels is the background; None for a model whose one label is the foreground."""

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> Segmenter:
        """From a local folder: safetensors only, none of its own code is run. Raises `ModelLoadFailed`."""
        model, processor = read_tool("cutout", folder, device, AutoModelForSemanticSegmentation, AutoImageProcessor)
        return cls(folder.name, model, processor, _background(model.config))

    def foreground(self, picture: Image.Image, lane: Lane) -> Image.Image:
        """How much each pixel belongs to the foreground, as mode "L" at the picture's size; one parked pass."""
        inputs = self.processor(images=picture, return_tensors="pt").to(self.model.device, self.model.dtype)
        logits = parking_view(self.model, lane)(**inputs).logits.float()
        if self.background is None:
            share = logits[:, :1].sigmoid()
        else:
            share = 1 - logits.softmax(dim=1)[:, self.background, None]
        size = (picture.height, picture.width)
        whole = torch.nn.functional.interpolate(share, size, mode="bilinear", align_corners=False)[0, 0]
        sure = ((whole - SURE) / (1 - 2 * SURE)).clamp(0, 1)
        return Image.fromarray((sure * 255).round().to(torch.uint8).cpu().numpy())


def _background(config: Any) -> int | None:
    """Raises `ModelLoadFailed` where no label is the background."""
    labels = {int(index): str(label).lower() for index, label in config.id2label.items()}
    if len(labels) == 1:
        return None
    named = [index for index, label in labels.items() if label in BACKGROUND]
    if named:
        return named[0]
    if len(labels) == 2:
        return 0
    why = f"none of its {len(labels)} labels is called {' or '.join(BACKGROUND)}"
    raise ModelLoadFailed("cutout", why, "choose a model that tells things from their background")
