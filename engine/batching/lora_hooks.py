"""Adapters of single rows of a forward pass: LoRAs, and the weight of a style adapter.

Adapters are attached beside a module and its weights stay as loaded. For the time of one pass the layers concerned get
a forward hook that adds to the output of those rows that have the adapter active. A pass without active adapters runs
the module as it was loaded.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from engine.batching.low_rank import LowRank

Around = Callable[[Sequence[float]], contextlib.AbstractContextManager[None]]
"""What an adapter does to its module for one pass; it is given its weight in each row, 0 where it is not active."""

ActiveAdapters = tuple[tuple[str, float], ...]
"""The adapters of one row: names with their weights; () is the bare model."""
AdapterLayers = Mapping[nn.Module, LowRank]
"""One LoRA in one module: by layer."""
_ATTRIBUTE = "lora_adapters"
"""The attribute of a module that holds its attached adapters."""
_KEPT = 32
"""Sets of hooks that are kept for each module."""


def attach(module: nn.Module, name: str, layers: AdapterLayers) -> None:
    """Attach a LoRA to the module under a name; no row has it active yet."""
    attached: _AttachedAdapters = vars(module).setdefault(_ATTRIBUTE, _AttachedAdapters())
    attached.layers[name] = layers
    attached.hooks.clear()


def attach_around(module: nn.Module, name: str, around: Around) -> None:
    """Attach an adapter that is part of the module and needs its weights at each pass where a row has it active."""
    vars(module).setdefault(_ATTRIBUTE, _AttachedAdapters()).around[name] = around


def detach_all(module: nn.Module) -> None:
    """Remove every attached LoRA from the module."""
    vars(module).pop(_ATTRIBUTE, None)


@contextlib.contextmanager
def active_adapters(module: nn.Module, rows: Sequence[ActiveAdapters]) -> Generator[None]:
    """For one forward pass of the module, activate each row's adapters, which `Adapters.attach` has attached.

    `rows` has one entry for each row of the batch, or one entry for all rows. A LoRA without layers in this module
    changes nothing in it.
    """
    attached: _AttachedAdapters | None = vars(module).get(_ATTRIBUTE)
    hooks = attached.hooks_for(tuple(rows)) if attached and any(rows) else ()
    # Before the hooks that take a layer's weights from the device: a DoRA looks at its bias.
    handles = [layer.register_forward_hook(hook, prepend=True) for layer, hook in hooks]
    try:
        with contextlib.ExitStack() as stack:
            for name, around in attached.around.items() if attached else ():
                weights = [dict(row).get(name, 0.0) for row in rows]
                stack.enter_context(around(weights))
            yield
    finally:
        for handle in handles:
            handle.remove()


_InLayer = tuple[tuple[LowRank, float], ...]
"""The active adapters of one row in one layer, with their weights."""


@dataclass(frozen=True, slots=True)
class _Hook:
    """A forward hook that adds to a layer's output what each row's adapters add."""

    runs: tuple[tuple[_InLayer, int, int], ...]
    """Adapters, first row and end row of each run of equal rows; rows without adapters are in none."""
    rows: int

    def __call__(self, layer: nn.Module, args: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        x: torch.Tensor = args[0]
        if self.runs[0][1:] == (0, self.rows):
            return _added(layer, self.runs[0][0], x, output)
        # A row may have been unfolded into several inputs (frames, heads).
        each, over = divmod(len(x), self.rows)
        if over:
            raise ValueError(f"{len(x)} inputs are no whole multiple of {self.rows} rows: these LoRAs cannot be mixed")
        for adapters, start, stop in self.runs:
            at = slice(start * each, stop * each)
            output[at] = _added(layer, adapters, x[at], output[at])
        return output


def _added(layer: nn.Module, adapters: _InLayer, x: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
    for low_rank, weight in adapters:
        output = low_rank.applied(layer, x, output, weight)
    return output


def _runs(rows: Sequence[_InLayer]) -> tuple[tuple[_InLayer, int, int], ...]:
    """Neighbouring rows with equal adapters as one run; the rows of one call are neighbours."""
    found: list[tuple[_InLayer, int, int]] = []
    for row, adapters in enumerate(rows):
        if found and found[-1][2] == row and _is_same(found[-1][0], adapters):
            found[-1] = (adapters, found[-1][1], row + 1)
        elif adapters:
            found.append((adapters, row, row + 1))
    return tuple(found)


def _is_same(one: _InLayer, other: _InLayer) -> bool:
    return [(id(low_rank), weight) for low_rank, weight in one] == [
        (id(low_rank), weight) for low_rank, weight in other
    ]


@dataclass(eq=False)
class _AttachedAdapters:
    """The LoRAs attached to one module."""

    layers: dict[str, AdapterLayers] = field(default_factory=dict[str, AdapterLayers])
    """By name."""
    around: dict[str, Around] = field(default_factory=dict[str, Around])
    """By name, for adapters that are no LoRAs."""
    hooks: OrderedDict[tuple[ActiveAdapters, ...], list[tuple[nn.Module, _Hook]]] = field(
        default_factory=OrderedDict[tuple[ActiveAdapters, ...], list[tuple[nn.Module, "_Hook"]]]
    )
    """The hooks of the latest passes, by their rows. They hold no tensors, and save a walk over all layers."""

    def hooks_for(self, rows: tuple[ActiveAdapters, ...]) -> list[tuple[nn.Module, _Hook]]:
        """The hooks that activate these rows' adapters, by layer."""
        if rows not in self.hooks:
            self.hooks[rows] = self._made(rows)
            while len(self.hooks) > _KEPT:
                self.hooks.popitem(last=False)
        self.hooks.move_to_end(rows)
        return self.hooks[rows]

    def _made(self, rows: tuple[ActiveAdapters, ...]) -> list[tuple[nn.Module, _Hook]]:
        active = [[(self.layers[name], weight) for name, weight in row if name in self.layers] for row in rows]
        layers = dict.fromkeys(layer for row in active for adapter, _ in row for layer in adapter)
        made: list[tuple[nn.Module, _Hook]] = []
        for layer in layers:
            here = [tuple([(adapter[layer], weight) for adapter, weight in row if layer in adapter]) for row in active]
            made.append((layer, _Hook(_runs(here), len(rows))))
        return made
