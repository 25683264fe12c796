"""Spread: each cell reads the prompt a little differently, so that the cells of a grid differ more (`--chaos`).

Two things, both drawn from the cell's seed, so that a cell is the same in a grid and by itself. Words are left out of
the prompt (`ImageRequest.cell_prompts`). And noise is mixed into the text encoders'
outputs, as CADS does to the condition (Sadat et al. 2023, "Unleashing the Diversity of Diffusion Models through
Condition-Annealed Sampling"), here at one level for all steps and one direction for all tokens: a shift of all keys
by one vector leaves the attention weights as they are, so the layout of the words keeps its meaning.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

from engine.batching.lanes import ParkedCall
from engine.operations.prompt_tokens import token_ids

MOST_NOISE = 0.5
"""At chaos 1: the standard deviation of the noise relative to that of the mixture, which keeps its variance."""
_STREAM = 0x5EED_C4A05
"""Added to a cell's seed, so that nothing here depends on the noise that the cell starts from."""


def weighed(weights: Sequence[float], chaos: float, seed: int) -> list[float]:
    """The weights of a multi-prompt's parts for one cell: each up to twice or half at chaos 1; their sum stays > 0."""
    stream = torch.Generator("cpu").manual_seed((seed + _STREAM) % 2**63)
    powers = (2 * torch.rand(len(weights), generator=stream, dtype=torch.float64) - 1) * chaos
    found = [weight * 2**power for weight, power in zip(weights, powers.tolist(), strict=True)]
    return found if sum(found) > 0 else list(weights)


class Spread:
    """Changes the encoders' outputs for the prompt in one call of a pipeline: row i as the cell of `seeds[i]` reads it.

    Pipelines encode the prompt before the negative prompt, so the first call of each encoder is meant.
    """

    def __init__(self, chaos: float, seeds: Sequence[int]) -> None:
        """`chaos` in (0, 1]."""
        self._share, self._seeds = MOST_NOISE * chaos, tuple(seeds)
        self._heard: list[torch.nn.Module] = []

    def change(self, call: ParkedCall, output: Any) -> Any:
        """The output for the cells. Raises `ValueError` where the encoder was not given one row for each."""
        ids = token_ids(call)
        if ids is None or any(module is call.module for module in self._heard):
            return output
        if len(ids) != len(self._seeds):
            if len(self._seeds) == 1:
                return output  # a pipeline that encodes both prompts at once: the words left out must do
            raise ValueError(f"{len(ids)} texts were encoded for {len(self._seeds)} cells")
        self._heard.append(call.module)
        leaves, form = tree_flatten(output)
        streams = [torch.Generator("cpu").manual_seed((seed + _STREAM) % 2**63) for seed in self._seeds]
        return tree_unflatten([self._mixed(leaf, streams) for leaf in leaves], form)

    def _mixed(self, leaf: Any, streams: Sequence[torch.Generator]) -> Any:
        """One tensor (cells, ..., width), row by row; what is no such tensor stays as it is."""
        if not isinstance(leaf, torch.Tensor) or not leaf.is_floating_point():
            return leaf
        if leaf.ndim < 2 or len(leaf) != len(streams):
            return leaf
        return torch.stack([self._row(row, stream) for row, stream in zip(leaf, streams, strict=True)])

    def _row(self, row: torch.Tensor, stream: torch.Generator) -> torch.Tensor:
        """One cell's tokens (..., width); the noise on a token is no louder than on the median token.

        Some encoders have tokens a thousand times as large as the others, which noise at their size would erase.
        """
        noise = torch.randn(row.shape[-1], generator=stream, dtype=torch.float32).to(row.device)
        mean = row.float().mean(-1, keepdim=True)
        scale = row.float().std(-1, keepdim=True)
        scale = scale.clamp(max=float(scale.median()))
        kept = math.sqrt(1 - self._share**2)
        return (mean + kept * (row.float() - mean) + self._share * scale * noise).to(row.dtype)
