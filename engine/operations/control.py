"""Control pictures: turns a member's picture into the map that the network sees, and passes it to a pipeline."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from engine.errors import InvalidRequest
from engine.operations.context import OperationContext
from engine.operations.pixels import fitted
from engine.operations.tools import Tools
from engine.pictures.control_maps import edges, is_empty, scribble
from engine.pictures.images import open_picture
from engine.pipelines.controls import LORA, ControlNetwork, spoken
from engine.requests import Control

_SCALES = ("controlnet_conditioning_scale", "adapter_conditioning_scale")


@dataclass(frozen=True, slots=True)
class ControlInput:
    """A control picture as the network sees it."""

    map: Image.Image
    network: ControlNetwork
    strength: float | None

    def arguments(self, known: Collection[str], channels: int) -> dict[str, Any]:
        """The arguments of a pipeline that can be called with those `known`; `channels` of the map, 1 or 3."""
        picture = self.map.convert("L" if channels == 1 else "RGB")
        given: dict[str, Any] = {"control_image" if "control_image" in known else "image": picture}
        if self.network.mode is not None:
            given["control_mode"] = self.network.mode
        if self.strength is not None:
            given |= {name: self.strength for name in _SCALES if name in known}
            if self.network.network in (LORA, ""):
                given["joint_attention_kwargs"] = {"scale": self.strength}
        return given


def controlled(context: OperationContext) -> OperationContext:
    """The context with the map of the request's control picture; the context itself where there is none.

    Raises `InvalidRequest` where the model has no such network or nothing can be seen in the picture.
    """
    control = context.request.control
    if control is None or control.type is None:
        return context
    spec = context.model.spec
    if context.control_flaw:
        raise InvalidRequest("control", f"{spec.name} cannot follow {spoken(control.type)}: {context.control_flaw}")
    seen = control_map(context, control)
    return replace(context, control=ControlInput(seen, spec.controls[control.type], control.strength))


def control_map(context: OperationContext, control: Control) -> Image.Image:
    """What the network sees, at the size that is drawn."""
    picture = fitted(open_picture(control.image, "control"), context.size)
    match "as_it_is" if control.is_map else control.type:
        case "edges" | "scribble":
            lines = edges(picture) if control.type == "edges" else scribble(picture)
            if is_empty(lines):
                raise InvalidRequest("control", "there are no outlines in it that could be followed")
            return lines
        case "depth":
            return _tool(context.tools, "depth").map(picture, context.lane)
        case "pose":
            return _tool(context.tools, "pose").map(picture, context.lane)
        case _:
            return picture


def _tool(tools: Tools, name: str) -> Any:
    tool = tools.depth if name == "depth" else tools.pose
    if tool is None:
        raise InvalidRequest("control", f"nothing is set up here that sees {name}")
    return tool
