"""Calls in which the cells do not all read the same words: with `chaos`, and beside a second row of other words."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import torch

from engine.batching.lanes import Lane
from engine.operations.spread import Spread
from engine.requests import ImageRequest


def worded(request: ImageRequest, arguments: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, Any]:
    """The prompt as each cell reads it, so that each has a row of its own in the text encoders' outputs."""
    by_seed = dict(zip(request.cell_seeds, request.cell_prompts, strict=True))
    prompts, negative = [by_seed[seed] for seed in seeds], arguments.get("negative_prompt")
    if len(seeds) == 1:
        return {"prompt": prompts if isinstance(arguments["prompt"], list) else prompts[0]}
    listed = {} if negative is None or isinstance(negative, list) else {"negative_prompt": [negative] * len(seeds)}
    return {"prompt": prompts, "num_images_per_prompt": 1, **listed}


def paired(beside: str, arguments: Mapping[str, Any], generators: Sequence[torch.Generator]) -> dict[str, Any]:
    """The arguments with a row of the words `beside` for each cell, before the cells, from the same noise."""
    cells = len(generators)
    twins = [torch.Generator("cpu").manual_seed(generator.initial_seed()) for generator in generators]
    negative = arguments.get("negative_prompt")
    return {
        "prompt": [beside] * cells + [arguments["prompt"]] * cells,
        "generator": [*twins, *generators],
        "num_images_per_prompt": 1,
        **({} if negative is None else {"negative_prompt": [negative] * (2 * cells)}),
    }


@contextlib.contextmanager
def spreading(lane: Lane, chaos: float, seeds: Sequence[int]) -> Generator[None]:
    """Change what the text encoders answer during one call of a pipeline. `chaos` in (0, 1]."""
    change = Spread(chaos, seeds).change
    lane.changes.append(change)
    try:
        yield
    finally:
        lane.changes.remove(change)
