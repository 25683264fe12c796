"""Streamed denoisers under scrutiny: links that are late, and layers that hold nothing while they are away."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from engine.batching.weight_tensors import STREAMED, weight_bytes
from engine.loading.loaded_model import LoadedModel
from engine.loading.streamed_weights import StreamedWeights, stream_through
from engine.memory.device_memory import GIB, DeviceMemory
from engine.memory.planner import Drawing, plan
from engine.memory.spec_sizes import sizes_of
from engine.memory.tensor_kinds import blocks_of
from engine.model_spec import ModelSpec


def streams(model: LoadedModel) -> list[StreamedWeights]:
    """What brings in the model's denoisers."""
    return [vars(part)[STREAMED] for part in model.parkable.values() if STREAMED in vars(part)]


def stream_keeping(share: float) -> Callable[..., StreamedWeights]:
    """What streams a denoiser, with about that share of its blocks' bytes on the device."""

    def stream(module: torch.nn.Module, device: torch.device, room: int) -> StreamedWeights:
        places = {
            each for each in blocks_of([name for name, _ in module.named_parameters()], "denoiser").values() if each
        }
        whole = weight_bytes(
            [module.get_submodule(place) for place in places]
        )  # a quantised weight's own count is wide
        return stream_through(module, device, int(share * whole))

    return stream


def budget_gb(spec: ModelSpec, models_dir: Path, kept: float) -> float:
    """The least budget with which at least that share of the streamed blocks stays on the device."""
    sizes = sizes_of(spec, models_dir)
    assert sizes is not None

    def streamed(budget: float) -> int:
        device = DeviceMemory("cpu", 64 * GIB, budget_bytes=int(budget * 1e9))
        return plan(sizes, device, Drawing(spec.width, spec.height), spec.precision, "partly_streamed").streamed_bytes

    low, high, most = 1e-9, 32.0, (1 - kept) * streamed(1e-9)
    while high - low > 1e-7:
        middle = (low + high) / 2
        low, high = (low, middle) if streamed(middle) <= most else (middle, high)
    assert streamed(high), "nothing would be streamed"
    return high


def hide(model: LoadedModel) -> None:
    """Leave nothing but shapes in layers whose block is away, so that whatever reads them then is an error."""
    for streamed in streams(model):
        for block in streamed.blocks:
            block._weights = tuple(
                dataclasses.replace(weight, away=torch.nn.Parameter(weight.away.to("meta"), requires_grad=False))
                for weight in block._weights
            )
            block.let_go()


@dataclass
class LateLink:
    """Copies at the last moment; until then the target holds what is no number."""

    said: list[str] = field(default_factory=list)
    moment: int = 0

    def host_bytes(self, size: int) -> torch.Tensor:
        return torch.empty(size, dtype=torch.uint8)

    def release(self, memory: torch.Tensor) -> None:
        self.said.append("release")

    def mark(self) -> int:
        self.moment += 1
        return self.moment

    def copy(self, source: torch.Tensor, target: torch.Tensor, after: Any) -> Callable[[], None]:
        assert 0 < after <= self.moment, "a buffer was written to before it was free"
        self.said.append("copy")
        target.fill_(255)

        def wait() -> None:
            self.said.append("wait")
            target.copy_(source)

        return wait


def make_late(model: LoadedModel) -> LateLink:
    """Give the model's denoisers a link that is late."""
    link = LateLink()
    for streamed in streams(model):
        streamed.link = link
    return link
