"""Prompts of several weighted parts: the text encoders' outputs for the parts are mixed, whatever the family.

The parts go through the pipeline's own `encode_prompt` one by one, and its encoder calls are recorded. Then it runs
with the longest part as its prompt, and wherever it encodes that one it is answered with the mixture.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

from engine.batching.lanes import Lane, ParkedCall, Pipeline
from engine.errors import InvalidRequest
from engine.operations.prompt_tokens import token_ids
from engine.operations.spread import weighed
from engine.requests import ImageRequest, PromptPart


@dataclass
class Recording:
    """The encoder calls of one text: their encoders, token ids and outputs, in order."""

    part: PromptPart
    calls: list[tuple[torch.nn.Module, torch.Tensor, Any]] = field(
        default_factory=list[tuple[torch.nn.Module, torch.Tensor, Any]]
    )

    def listen(self, call: ParkedCall, output: Any) -> None:
        """Record a text encoder's call and output."""
        if (ids := token_ids(call)) is not None:
            self.calls.append((call.module, ids, output))

    @property
    def tokens(self) -> int:
        """About how many tokens are no padding: the number of distinct ids."""
        return max((len(ids.unique()) for _, ids, _ in self.calls), default=0)


class WeightedPrompt:
    """Answers a lane's encoder calls for the carrier text with the weighted mean of all parts."""

    def __init__(self, recordings: Sequence[Recording], weights: Sequence[float]) -> None:
        """`weights` of the parts, in order; they add up to more than 0."""
        total = sum(weights)
        self.carrier = max(recordings, key=lambda recording: recording.tokens)
        shares = [weight / total for weight in weights]
        outputs = zip(*([output for _, _, output in recording.calls] for recording in recordings), strict=True)
        self._mixed = [_mean(list(column), shares) for column in outputs]

    @contextmanager
    def answering(self, lane: Lane) -> Generator[None]:
        """Answer the lane's encoder calls meanwhile."""
        lane.answers.append(self.answer)
        try:
            yield
        finally:
            lane.answers.remove(self.answer)

    def answer(self, call: ParkedCall) -> Any:
        """The mixture if this call encodes the carrier, else `NotImplemented`."""
        ids = token_ids(call)
        if ids is not None:
            for (encoder, known, _), mixed in zip(self.carrier.calls, self._mixed, strict=True):
                if encoder is call.module and known.shape == ids.shape and torch.equal(known, ids):
                    return mixed
        return NotImplemented


def weighted_requests(
    request: ImageRequest,
    lane: Lane,
    pipeline: Pipeline,
    device: torch.device,
    skipped_layers: int | None,
    chaos: float,
) -> Iterator[tuple[ImageRequest, WeightedPrompt]]:
    """Requests of one prompt each instead of one of several parts, and what answers meanwhile for that prompt.

    With `chaos` there is a request for each cell, which weighs the parts in a way of its own.
    """
    recordings = [Recording(part) for part in request.prompt_parts]
    for recording in recordings:
        lane.listeners.append(recording.listen)
        _encode(pipeline, recording.part.text, device, skipped_layers)
        lane.listeners.remove(recording.listen)
    weights = [part.weight for part in request.prompt_parts]
    cells: list[dict[str, Any]] = [{}]
    if chaos:
        cells = [{"num_images": 1, "seed": seed, "chaos": 0.0} for seed in request.cell_seeds]
    for cell in cells:
        shares = weighed(weights, chaos, cell["seed"]) if chaos else weights
        prompt = WeightedPrompt(recordings, shares)
        yield request.model_copy(update={**cell, "prompt": prompt.carrier.part.text, "prompt_parts": ()}), prompt


def _encode(pipeline: Pipeline, text: str, device: torch.device, skipped_layers: int | None) -> None:
    """Have the pipeline encode one text; raises `InvalidRequest` where it has no such method."""
    method = getattr(pipeline, "encode_prompt", None)
    if method is None:
        raise InvalidRequest("prompt_parts", "this model takes one prompt only, without weighted parts")
    takes = inspect.signature(method).parameters
    known = {"prompt": text, "prompt_2": None, "prompt_3": None, "device": device, "num_images_per_prompt": 1}
    known |= {"do_classifier_free_guidance": False, "clip_skip": skipped_layers}
    method(**{name: value for name, value in known.items() if name in takes})


def _mean(outputs: list[Any], shares: list[float]) -> Any:
    flat = [tree_flatten(output) for output in outputs]
    leaves = [_mix(column, shares) for column in zip(*(leaves for leaves, _ in flat), strict=True)]
    return tree_unflatten(leaves, flat[0][1])


def _mix(column: tuple[Any, ...], shares: list[float]) -> Any:
    first = column[0]
    if not isinstance(first, torch.Tensor) or not first.is_floating_point():
        return first
    if any(leaf.shape != first.shape for leaf in column):
        raise InvalidRequest("prompt_parts", "this model's prompts have no common length, so parts cannot be weighed")
    total = sum(share * leaf.float() for share, leaf in zip(shares, column, strict=True))
    return torch.as_tensor(total).to(first.dtype)
