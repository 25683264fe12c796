"""Drafts: how small and in how few steps a model can be asked for a sketch. Torch-free."""

from __future__ import annotations

import math
from typing import Any

from engine.catalogue.sizes import snap
from engine.model_spec import ModelSpec
from engine.requests import ImageRequest

SHARE_OF_STEPS = 0.35
FEWEST_STEPS = 4


def drafted(spec: ModelSpec, request: ImageRequest, size: tuple[int, int]) -> dict[str, Any]:
    """The fields of a draft whose finished picture would have that size."""
    scale = spec.draft_scale * math.sqrt(spec.width * spec.height / (size[0] * size[1]))
    width, height = snap((max(1, round(size[0] * scale)), max(1, round(size[1] * scale))), spec)
    steps = max(min(FEWEST_STEPS, spec.num_inference_steps), round(SHARE_OF_STEPS * spec.num_inference_steps))
    return {
        "width": width,
        "height": height,
        "num_inference_steps": request.num_inference_steps or steps,
        "step_cache": request.step_cache or "fast",
    }
