"""How somebody in a picture stands, by the host's own ViTPose model."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (transformers leaves most types open)

from __future__ import annotations

import colorsys
import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw
from transformers import AutoImageProcessor, VitPoseForPoseEstimation

from engine.batching.lanes import Lane
from engine.batching.module_proxies import parking_view
from engine.errors import InvalidRequest, ModelLoadFailed
from engine.operations.tool_model import read_tool

POINTS = 17
"""COCO's: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles; left before right."""
SURE = 0.3
"""A point below this score is not there."""
_LIMBS = (
    *((17, 6), (17, 5), (6, 8), (8, 10), (5, 7), (7, 9), (17, 12), (12, 14), (14, 16), (17, 11), (11, 13), (13, 15)),
    *((17, 0), (0, 2), (2, 4), (0, 1), (1, 3)),
)
"""OpenPose's, in the order of its colours; 17 is the neck, between the shoulders."""
_ORDER = (0, 17, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""OpenPose's order of the points, in which they are coloured."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class PoseEstimator:
    """A ViTPose model of transformers, and its image processor."""

    name: str
    model: Any
    processor: Any

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> PoseEstimator:
        """From a local folder: safetensors only, none of its own code is run. Raises `ModelLoadFailed`."""
        if importlib.util.find_spec("scipy") is None:  # what transformers crops persons with
            raise ModelLoadFailed(
                "pose", "scipy is missing", "in Darkroom's folder: pip install -c constraints.txt '.[pose]'"
            )
        model, processor = read_tool("pose", folder, device, VitPoseForPoseEstimation, AutoImageProcessor)
        if not hasattr(processor, "post_process_pose_estimation") or model.config.num_labels != POINTS:
            why = f"{folder.name} is no ViTPose of {POINTS} points"
            raise ModelLoadFailed("pose", why, "choose a ViTPose that was trained on COCO")
        return cls(folder.name, model, processor)

    def map(self, picture: Image.Image, lane: Lane) -> Image.Image:
        """OpenPose's coloured figure of the one person who fills the picture, on black; one parked pass.

        Raises `InvalidRequest` where nobody is seen.
        """
        boxes = [[[0.0, 0.0, float(picture.width), float(picture.height)]]]
        inputs = self.processor(images=picture, boxes=boxes, return_tensors="pt")
        answer = parking_view(self.model, lane)(inputs["pixel_values"].to(self.model.device, self.model.dtype))
        person = self.processor.post_process_pose_estimation(answer, boxes=boxes)[0][0]
        places: list[Point | None] = [
            (float(x), float(y)) if float(score) >= SURE else None
            for (x, y), score in zip(person["keypoints"], person["scores"], strict=True)
        ]
        if sum(place is not None for place in places) < 3:
            raise InvalidRequest("control", "nobody is seen in it whose pose could be followed")
        return figure(places, picture.size)


def figure(places: Sequence[Point | None], size: tuple[int, int]) -> Image.Image:
    """A person's points, where they are seen, as OpenPose draws them: limbs and joints in its colours."""
    canvas = Image.new("RGB", size)
    draw = ImageDraw.Draw(canvas)
    left, right = places[5], places[6]
    neck = ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2) if left and right else None
    points = [*places, neck]
    thick = max(1, round(math.hypot(*size) / 180))
    for number, (start, end) in enumerate(_LIMBS):
        one, other = points[start], points[end]
        if one and other:
            draw.line((*one, *other), fill=_colour(number, 0.6), width=2 * thick)
    for number, index in enumerate(_ORDER):
        if at := points[index]:
            draw.ellipse((at[0] - thick, at[1] - thick, at[0] + thick, at[1] + thick), fill=_colour(number, 1.0))
    return canvas


def _colour(number: int, value: float) -> tuple[int, int, int]:
    """OpenPose's: once around the hues from red in steps of 20 degrees."""
    red, green, blue = colorsys.hsv_to_rgb(number / 18, 1.0, value)
    return round(red * 255), round(green * 255), round(blue * 255)
