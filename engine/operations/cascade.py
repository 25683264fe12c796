"""Models of several stages: what the first draws small, the next ones draw larger (DeepFloyd IF, arXiv 2205.11487)."""

from __future__ import annotations

from dataclasses import replace

from engine.operations.context import OperationContext
from engine.operations.pixels import Pixels


def through_stages(context: OperationContext, cells: list[Pixels]) -> list[Pixels]:
    """Each cell through every further stage of the model, from its own seed; steps and previews go on."""
    count = len(context.model.stages)
    for number, stage in enumerate(context.model.stages, start=1):
        growth = context.model.spec.enlarge ** (number / count)
        width, height = (round(side * growth) for side in context.size)
        place = replace(context, model=stage)
        pipeline = place.pipeline("text_to_image")
        # As the pipelines hand it on themselves: floats in [-1, 1].
        cells = [
            place.asking(num_images=1, seed=seed).run(pipeline, image=cell * 2 - 1, width=width, height=height)[0]
            for seed, cell in zip(context.request.cell_seeds, cells, strict=True)
        ]
    return cells
