"""How near each part of a picture is, by the host's own depth estimation model."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (transformers leaves most types open)

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForDepthEstimation

from engine.batching.lanes import Lane
from engine.batching.module_proxies import parking_view
from engine.operations.tool_model import read_tool

_METRIC = frozenset({"depth_pro", "glpn", "prompt_depth_anything", "zoedepth"})
"""Models that answer with a distance; the others with its inverse, which is larger where something is near."""


@dataclass(frozen=True, slots=True)
class DepthEstimator:
    """A depth estimation model of transformers, and its image processor."""

    name: str
    model: Any
    processor: Any
    is_distance: bool

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> DepthEstimator:
        """From a local folder: safetensors only, none of its own code is run. Raises `ModelLoadFailed`."""
        model, processor = read_tool("depth", folder, device, AutoModelForDepthEstimation, AutoImageProcessor)
        config = model.config
        is_distance = config.model_type in _METRIC or getattr(config, "depth_estimation_type", "") == "metric"
        return cls(folder.name, model, processor, is_distance)

    def map(self, picture: Image.Image, lane: Lane) -> Image.Image:
        """White where something is near, black where it is far: mode "L", at the picture's size; one parked pass."""
        inputs = self.processor(images=picture, return_tensors="pt").to(self.model.device, self.model.dtype)
        answer = parking_view(self.model, lane)(**inputs).predicted_depth.float().flatten(0, -3)[:1]
        near = -answer if self.is_distance else answer
        whole = torch.nn.functional.interpolate(
            near[None], (picture.height, picture.width), mode="bicubic", align_corners=False
        )[0, 0]
        low, high = whole.min(), whole.max()
        shades = ((whole - low) / (high - low).clamp(min=1e-6) * 255).round()
        return Image.fromarray(shades.to(torch.uint8).cpu().numpy())
