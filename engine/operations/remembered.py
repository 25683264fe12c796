"""A model that remembers drawings (`pocket`) and a picture: what it remembers is drawn where the picture has it."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from PIL import Image
from torch.utils._pytree import tree_map_only

from engine.batching.lanes import ParkedCall
from engine.operations.context import OperationContext
from engine.operations.pixels import tensor_of
from engine.operations.prompt_tokens import token_ids
from engine.sampling.step_watch import Settle

Part = tuple[float, float, float, float]
"""Left, top, right and bottom, as shares of a frame's edges."""
WHOLE: Part = (0.0, 0.0, 1.0, 1.0)
SOLID = 0.5
"""A mask is a place for a thing where its white fills this share of its bounding box."""


@contextmanager
def settled(context: OperationContext, picture: Image.Image, words: str, freedom: float = 0.0) -> Generator[None]:
    """Have noise agree with a picture of the size drawn, which shows what the words say.

    With `freedom`, in [0, 1], the picture also moves towards what each noise says. What is found for a picture and its
    own words holds for everything inside. Nothing changes for models that remember nothing.
    """
    watch = context.watch
    if watch.settle is not None:
        yield
        return
    watch.settle = _settling(context, picture, words, freedom)
    try:
        yield
    finally:
        watch.settle = None


def _settling(context: OperationContext, picture: Image.Image, words: str, freedom: float) -> Settle | None:
    # Asked for before anything is encoded: no other model's encoders should run for this.
    if not any(hasattr(module, "settling") for module in context.model.parkable.values()):
        return None
    pipeline: Any = context.pipeline("text_to_image")
    states, _ = pipeline.encode_prompt(words, context.model.device, 1, False)
    return pipeline.unet.settling(tensor_of(picture), states, freedom)


class Frames:
    """A picture of which parts are drawn, or more than all of it."""

    def __init__(self, picture: Image.Image, context: OperationContext) -> None:
        self._given, self._context = picture, context
        self._found: dict[bytes, Any] = {}

    @cached_property
    def _picture(self) -> Image.Image:
        """At about the size that is drawn."""
        scale = min(self._context.size) / min(self._given.size)
        return self._given.resize((round(self._given.width * scale), round(self._given.height * scale)))

    @contextmanager
    def drawing(self, at: Part = WHOLE, mask: Image.Image | None = None) -> Generator[None]:
        """Have drawings remembered where the picture has them, which lies `at` in the frame that is drawn.

        A thing that it does not show is drawn in the white of the mask, where that is a place for one, else nowhere.
        """
        free = None if mask is None else _solid(mask)

        def change(call: ParkedCall, output: Any) -> Any:
            encoder: Any = call.module
            ids = token_ids(call)
            if ids is None or not hasattr(encoder, "framed"):
                return output

            def framed(states: torch.Tensor) -> torch.Tensor:
                if (key := ids.cpu().numpy().tobytes()) not in self._found:
                    self._found[key] = encoder.seen(states, tensor_of(self._picture))
                size = self._context.size
                return encoder.framed(states, self._found[key], size, at, self._picture.size, free)

            return tree_map_only(torch.Tensor, framed, output)

        self._context.lane.changes.append(change)
        try:
            yield
        finally:
            self._context.lane.changes.remove(change)


def _solid(mask: Image.Image) -> Part | None:
    """The bounding box of a mask's white, where that fills it."""
    white = mask.convert("L").point([0] * 128 + [255] * 128)
    box = white.getbbox()
    if box is None:
        return None
    inside = white.crop(box)
    if sum(inside.histogram()[128:]) < SOLID * inside.width * inside.height:
        return None
    width, height = mask.size
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height
