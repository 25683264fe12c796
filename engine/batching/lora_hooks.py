"""Which LoRAs each row of a forward pass wears.

What is worn hangs beside a module, not in it: for the time of one pass the layers concerned get a hook that adds to
their output, for those rows alone. A pass in which nobody wears anything runs the very module that was loaded.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from engine.batching.low_rank import LowRank

Worn = tuple[tuple[str, float], ...]
"""LoRA names with their weights; () is the bare model."""
Clothes = Mapping[nn.Module, LowRank]
"""One LoRA in one module: by layer."""
_WARDROBE = "loras"
"""The attribute of a module that holds what its rows can wear."""
_KEPT = 32


def hang(module: nn.Module, name: str, clothes: Clothes) -> None:
    """Let rows of the module's passes wear it by name."""
    wardrobe: _Wardrobe = vars(module).setdefault(_WARDROBE, _Wardrobe())
    wardrobe.clothes[name] = clothes
    wardrobe.dresses.clear()


def clear(module: nn.Module) -> None:
    """Throw away whatever hangs there."""
    vars(module).pop(_WARDROBE, None)


@contextlib.contextmanager
def wearing(module: nn.Module, rows: Sequence[Worn]) -> Generator[None]:
    """For one forward pass of a model's module, let each row wear its LoRAs, which `Adapters.ensure` has hung there.

    One entry stands for all rows. A LoRA with nothing for this module changes nothing in it.
    """
    wardrobe: _Wardrobe | None = vars(module).get(_WARDROBE)
    dresses = wardrobe.dresses_for(tuple(rows)) if wardrobe and any(rows) else ()
    handles = [layer.register_forward_hook(dress) for layer, dress in dresses]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


_Look = tuple[tuple[LowRank, float], ...]


@dataclass(frozen=True, slots=True)
class _Dress:
    """A hook that adds to a layer's output what each row of its input wears."""

    runs: tuple[tuple[_Look, int, int], ...]
    """What is worn, from which row, and to which; bare rows are in none."""
    rows: int

    def __call__(self, layer: nn.Module, args: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        x: torch.Tensor = args[0]
        if self.runs[0][1:] == (0, self.rows):
            return _added(layer, self.runs[0][0], x, output)
        # A row may have been unfolded into several inputs (frames, heads).
        each, over = divmod(len(x), self.rows)
        if over:
            raise ValueError(f"{len(x)} inputs are no whole multiple of {self.rows} rows: these LoRAs cannot be mixed")
        for look, start, stop in self.runs:
            at = slice(start * each, stop * each)
            output[at] = _added(layer, look, x[at], output[at])
        return output


def _added(layer: nn.Module, look: _Look, x: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
    for low_rank, weight in look:
        output = low_rank.applied(layer, x, output, weight)
    return output


def _runs(looks: Sequence[_Look]) -> tuple[tuple[_Look, int, int], ...]:
    """Neighbouring rows that wear the same; calls that share a pass have theirs side by side."""
    found: list[tuple[_Look, int, int]] = []
    for row, look in enumerate(looks):
        if found and found[-1][2] == row and _is_same(found[-1][0], look):
            found[-1] = (look, found[-1][1], row + 1)
        elif look:
            found.append((look, row, row + 1))
    return tuple(found)


def _is_same(one: _Look, other: _Look) -> bool:
    return [(id(worn), weight) for worn, weight in one] == [(id(worn), weight) for worn, weight in other]


@dataclass(eq=False)
class _Wardrobe:
    """What rows of one module can wear."""

    clothes: dict[str, Clothes] = field(default_factory=dict[str, Clothes])
    """By name."""
    dresses: OrderedDict[tuple[Worn, ...], list[tuple[nn.Module, _Dress]]] = field(
        default_factory=OrderedDict[tuple[Worn, ...], list[tuple[nn.Module, "_Dress"]]]
    )
    """The hooks for passes of late: no tensors, but a large model has many layers and a picture many passes."""

    def dresses_for(self, rows: tuple[Worn, ...]) -> list[tuple[nn.Module, _Dress]]:
        """The hooks with which these rows wear their own."""
        if rows not in self.dresses:
            self.dresses[rows] = self._made(rows)
            while len(self.dresses) > _KEPT:
                self.dresses.popitem(last=False)
        self.dresses.move_to_end(rows)
        return self.dresses[rows]

    def _made(self, rows: tuple[Worn, ...]) -> list[tuple[nn.Module, _Dress]]:
        looks = [[(self.clothes[name], weight) for name, weight in worn if name in self.clothes] for worn in rows]
        layers = dict.fromkeys(layer for look in looks for clothes, _ in look for layer in clothes)
        made: list[tuple[nn.Module, _Dress]] = []
        for layer in layers:
            here = [tuple([(clothes[layer], weight) for clothes, weight in look if layer in clothes]) for look in looks]
            made.append((layer, _Dress(_runs(here), len(rows))))
        return made
