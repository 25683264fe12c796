"""Draws a task with the model's own pipeline; `run` calls any pipeline with what follows from the request."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from engine.batching.lanes import Pipeline
from engine.catalogue.guidance import prove_guidance
from engine.errors import BadOutput, InvalidRequest
from engine.loading.pipeline_classes import Task, accepted, control_channels, mixes_cells
from engine.operations.context import OperationContext
from engine.operations.pixels import Pixels, arrays_of, flaw, images_of, opaque, picture_of
from engine.operations.prompt_rows import paired, spreading, worded
from engine.operations.style_pictures import style_inputs
from engine.operations.super_resolution import enlarged
from engine.operations.weighted_prompt import weighted_requests
from engine.sampling.step_watch import with_inner

SMALLEST_TABLED_SIDE = 256
"""In pixels: the tables of sizes that some pipelines round to (PixArt, Sana) begin there."""
_PER_CELL = ("image", "mask_image")


def text_to_image(context: OperationContext) -> list[Pixels]:
    """Draw from the prompt alone."""
    return draw(context, "text_to_image")


def draw(context: OperationContext, task: Task, **inputs: Any) -> list[Pixels]:
    """Run the model's pipeline for `task`, then enlarge the cells where the model draws them smaller than asked.

    `inputs` are arguments of the pipeline beside those that follow from the request. Each result is float32
    (height, width, 3 or 4) in [0, 1]. Raises `InvalidRequest` for a task that the model cannot do, and `BadOutput`.
    """
    cells = run(context, context.pipeline(task), **inputs)
    spec = context.model.spec
    if context.model.stages:
        return _through_stages(context, cells)
    if spec.enlarge == 1:
        return cells
    width, height = context.size
    size = (width * spec.enlarge, height * spec.enlarge)
    # The embedded network is part of this model; the network that the host chose is for members' pictures.
    larger = enlarged(
        context, [picture_of(opaque(cell)) for cell in cells], size, upscaler=context.tools.embedded_upscaler
    )
    return [cell / np.float32(255) for cell in larger]


def run(context: OperationContext, pipeline: Pipeline, **inputs: Any) -> list[Pixels]:
    """Call a pipeline for all cells: in one call where the family can take them, else one call for each cell.

    Returns float32 (height, width, 3 or 4) in [0, 1] for each cell. Raises `BadOutput` for blank or NaN pictures.
    """
    if context.request.prompt_parts:
        return _weighted(context, pipeline, inputs)
    known, seeds = accepted(pipeline), context.request.cell_seeds
    if _takes_all_cells(context, pipeline, known, inputs):
        try:
            return _call(context, pipeline, known, seeds, inputs)
        except (AttributeError, IndexError, TypeError, ValueError):
            if len(seeds) == 1:
                raise
            # Some families (aMUSEd, Kandinsky 3) cannot take a generator for each cell.
    return [_call(context, pipeline, known, [seed], inputs)[0] for seed in seeds]


def _through_stages(context: OperationContext, cells: list[Pixels]) -> list[Pixels]:
    """Run each cell through the further stages of a cascade (DeepFloyd IF; arXiv 2205.11487), from its own seed.

    The first stage draws small, each further one enlarges; steps are counted on.
    """
    count = len(context.model.stages)
    for number, stage in enumerate(context.model.stages, start=1):
        growth = context.model.spec.enlarge ** (number / count)
        width, height = (round(side * growth) for side in context.size)
        staged = replace(context, model=stage)
        pipeline = staged.pipeline("text_to_image")
        # Stages take pictures as floats in [-1, 1].
        cells = [
            run(staged.asking(num_images=1, seed=seed), pipeline, image=cell * 2 - 1, width=width, height=height)[0]
            for seed, cell in zip(context.request.cell_seeds, cells, strict=True)
        ]
    return cells


def _weighted(context: OperationContext, pipeline: Pipeline, inputs: Mapping[str, Any]) -> list[Pixels]:
    """Call the pipeline with the longest part as its prompt; its encoding is answered with the mean of all parts."""
    spec, cells = context.model.spec, list[Pixels]()
    asked = weighted_requests(
        context.request, context.lane, pipeline, context.model.device, spec.skipped_layers, _chaos(context)
    )
    for request, prompt in asked:
        with prompt.answering(context.lane):
            cells += run(replace(context, request=request), pipeline, **inputs)
    return cells


def _takes_all_cells(
    context: OperationContext, pipeline: Pipeline, known: Collection[str], inputs: Mapping[str, Any]
) -> bool:
    if "num_images_per_prompt" not in known or len(with_inner(pipeline)) > 1 or mixes_cells(type(pipeline)):
        return False
    references = context.model.spec.references
    if context.references:
        return references is not None and references.shares_call
    # A picture for each cell would be several references (Qwen-Image-Edit-Plus); Modular SDXL mixes up their masks.
    return "image" not in inputs or ("strength" in known and not context.model.is_modular)


def _call(
    context: OperationContext,
    pipeline: Pipeline,
    known: Collection[str],
    seeds: Sequence[int],
    inputs: Mapping[str, Any],
) -> list[Pixels]:
    chaos = _chaos(context)
    arguments = _arguments(context, pipeline, known, seeds, inputs)
    context.watch.restart()
    torch.manual_seed(seeds[0])  # for draws without a generator; the state is the lane's own
    with spreading(context.lane, chaos, seeds) if chaos else nullcontext():
        made = pipeline(**arguments, output="images") if context.model.is_modular else pipeline(**arguments)
    context.watch.restart()
    cells = arrays_of(images_of(made))[-len(seeds) :]  # behind those of the words beside, where there are any
    if what := flaw(cells):
        raise BadOutput(what)
    return cells


def _chaos(context: OperationContext) -> float:
    """How differently the cells read the prompt; nothing for what keeps or compares pictures."""
    return context.request.chaos if context.request.has_spread and context.beside is None else 0.0


def _arguments(
    context: OperationContext,
    pipeline: Pipeline,
    known: Collection[str],
    seeds: Sequence[int],
    inputs: Mapping[str, Any],
) -> dict[str, Any]:
    """What the pipeline is called with for the cells of these seeds; of all arguments those that it knows."""
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    # A picture for each generator: some families (SD3) index the pictures by cell.
    per_cell = () if context.model.is_modular else _PER_CELL
    wanted = {
        **_of_request(context, pipeline),
        "num_images_per_prompt": len(seeds),
        "generator": generators if len(seeds) > 1 else generators[0],
        **{name: [value] * len(seeds) if name in per_cell else value for name, value in inputs.items()},
    }
    if context.model.vae is None and any(name in _PER_CELL for name in inputs):
        # Pixel models (DeepFloyd IF) want a prompt for each picture.
        lists = {name: [wanted[name]] * len(seeds) for name in ("prompt", "negative_prompt") if name in wanted}
        wanted |= {**lists, "num_images_per_prompt": 1}
    if _chaos(context) or context.has_rows:
        wanted |= worded(context.request, wanted, seeds)
    if context.beside is not None:
        wanted |= paired(context.beside, wanted, generators)
    if context.request.style_images and "ip_adapter_image" not in known:
        raise InvalidRequest("style_image", f"{context.model.spec.name} cannot follow a style picture in this")
    if "guidance_schedule" in known:
        wanted.pop("guidance_scale", None)  # Ideogram takes one of them
    wanted = {name: value for name, value in wanted.items() if name in known}
    if "intermediate_timesteps" in known and wanted["num_inference_steps"] != 2:
        wanted["intermediate_timesteps"] = None  # Sana Sprint's default is for two steps only
    return wanted


def _of_request(context: OperationContext, pipeline: Pipeline) -> dict[str, Any]:
    """The arguments that follow from the request, whatever the pipeline knows of them."""
    request, spec, control = context.request, context.model.spec, context.control
    width, height = context.size
    guidance = spec.guidance_scale if request.guidance_scale is None else request.guidance_scale
    parameter = spec.guidance_parameter
    negative = request.negative_prompt or (" " if parameter == "true_cfg_scale" and guidance > 1 else None)
    steps = request.num_inference_steps or spec.steps_of(request.kind)
    if guider := getattr(pipeline, "guider", None):
        prove_guidance(spec, guidance, request.negative_prompt)
        guider.guidance_scale = guidance
    wanted = {
        "prompt": request.prompt,
        "negative_prompt": negative,
        "width": width,
        "height": height,
        "num_inference_steps": steps,
        parameter: guidance,
        "output_type": "np",
        **_own_size(context),
        **context.references,
        "clip_skip": spec.clip_skip and spec.skipped_layers,
        **(control.arguments(accepted(pipeline), control_channels(pipeline)) if control else {}),
        "guidance_schedule": [guidance] * steps,  # Ideogram's default is for 48 steps only
        **(style_inputs(request, context.model, pipeline) if request.style_images else {}),
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _own_size(context: OperationContext) -> dict[str, Any]:
    """Arguments that keep some pipelines from changing the size."""
    width, height = context.size
    is_tabled = max(context.model.spec.width, context.model.spec.height) >= SMALLEST_TABLED_SIDE
    return {
        "max_area": width * height,  # FLUX.1 Kontext
        # Kontext again, and FIBO-Edit: they were trained at sizes of a table, far above this.
        "_auto_resize": None if max(width, height) >= SMALLEST_TABLED_SIDE else False,
        "use_resolution_binning": None if is_tabled else False,
    }
