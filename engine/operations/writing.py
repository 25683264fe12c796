"""A prompt in richer words."""

from __future__ import annotations

from typing import cast

from engine.errors import InvalidRequest
from engine.operations.context import OperationContext
from engine.operations.pixels import Pixels
from engine.requests import Rewrite


def rewrite(context: OperationContext) -> list[Pixels]:
    """No pictures, but one caption: what the host's instruct model answers. Raises `InvalidRequest` without one."""
    request = cast(Rewrite, context.request)
    writer = context.tools.writer
    if writer is None:
        raise InvalidRequest("prompt", "no instruct model is set up here (`engine.writer`)")
    context.captions = (writer.answer(request.instruction, request.prompt, context.lane),)
    context.notes.append(f"written by {writer.name}")
    context.watch.on_step(1, 1, None)
    return []
