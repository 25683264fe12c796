"""Cascaded models: the first stage draws small, further stages enlarge (DeepFloyd IF; arXiv 2205.11487)."""

from __future__ import annotations

from dataclasses import replace

from engine.operations.context import OperationContext
from engine.operations.pixels import Pixels


def through_stages(context: OperationContext, cells: list[Pixels]) -> list[Pixels]:
    """Run each cell through every further stage of the model, from its own seed; steps are counted on."""
    count = len(context.model.stages)
    for number, stage in enumerate(context.model.stages, start=1):
        growth = context.model.spec.enlarge ** (number / count)
        width, height = (round(side * growth) for side in context.size)
        staged = replace(context, model=stage)
        pipeline = staged.pipeline("text_to_image")
        # Stages take pictures as floats in [-1, 1].
        cells = [
            staged.asking(num_images=1, seed=seed).run(pipeline, image=cell * 2 - 1, width=width, height=height)[0]
            for seed, cell in zip(context.request.cell_seeds, cells, strict=True)
        ]
    return cells
