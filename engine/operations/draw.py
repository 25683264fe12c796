"""Draw a task with the model's own pipeline, at the size that the request asks for."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.loading.pipeline_classes import Task
from engine.operations.cascade import through_stages
from engine.operations.context import OperationContext
from engine.operations.pixels import Pixels, opaque, picture_of
from engine.operations.super_resolution import enlarged


def draw(context: OperationContext, task: Task, **inputs: Any) -> list[Pixels]:
    """Run the model's pipeline for `task`, then enlarge the cells where the model draws them smaller than asked.

    `inputs` are arguments of the pipeline beside those that follow from the request. Each result is float32
    (height, width, 3 or 4) in [0, 1]. Raises `InvalidRequest` for a task that the model cannot do, and `BadOutput`.
    """
    cells = context.run(context.pipeline(task), **inputs)
    spec = context.model.spec
    if context.model.stages:
        return through_stages(context, cells)
    if spec.enlarge == 1:
        return cells
    width, height = context.size
    size = (width * spec.enlarge, height * spec.enlarge)
    # The embedded network is part of this model; the network that the host chose is for members' pictures.
    larger = enlarged(
        context, [picture_of(opaque(cell)) for cell in cells], size, upscaler=context.tools.embedded_upscaler
    )
    return [cell / np.float32(255) for cell in larger]
