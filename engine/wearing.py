"""Which LoRAs each row of a forward pass wears.

What is worn hangs beside a module, not in it: for the time of one pass the layers concerned get a hook that adds to
their output, for those rows alone. A pass in which nobody wears anything runs the very module that was loaded.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from engine.low_rank import LowRank

Worn = tuple[tuple[str, float], ...]
"""LoRA names with their weights; () is the bare model."""
Clothes = Mapping[nn.Module, LowRank]
"""One LoRA in one module: by layer."""
_WARDROBE = "loras"
"""The attribute of a module that holds, by name, what its rows can wear."""


def hang(module: nn.Module, name: str, clothes: Clothes) -> None:
    """Let rows of the module's passes wear it by name."""
    vars(module).setdefault(_WARDROBE, {})[name] = clothes


def clear(module: nn.Module) -> None:
    """Throw away whatever hangs there."""
    vars(module).pop(_WARDROBE, None)


@contextlib.contextmanager
def wearing(module: nn.Module, rows: Sequence[Worn]) -> Generator[None]:
    """For one forward pass of a model's module, let each row wear its LoRAs, which `Adapters.ensure` has hung there.

    One entry stands for all rows. A LoRA with nothing for this module changes nothing in it.
    """
    wardrobe: dict[str, Clothes] = vars(module).get(_WARDROBE, {})
    looks = [tuple((wardrobe[name], weight) for name, weight in worn if name in wardrobe) for worn in rows]
    layers = {layer for look in looks for clothes, _ in look for layer in clothes}
    with contextlib.ExitStack() as stack:
        for layer in layers:
            dressed = tuple(
                tuple((clothes[layer], weight) for clothes, weight in look if layer in clothes) for look in looks
            )
            handle = layer.register_forward_hook(_Dress(_groups(dressed), len(rows)))
            stack.callback(handle.remove)
        yield


_Look = tuple[tuple[LowRank, float], ...]


@dataclass(frozen=True, slots=True)
class _Dress:
    """A hook that adds to a layer's output what each row of its input wears."""

    groups: tuple[tuple[_Look, tuple[int, ...]], ...]
    """What is worn -> the rows that wear it; bare rows are in none."""
    rows: int

    def __call__(self, layer: nn.Module, args: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        x: torch.Tensor = args[0]
        if len(self.groups) == 1 and len(self.groups[0][1]) == self.rows:
            return _added(layer, self.groups[0][0], x, output)
        for look, rows in self.groups:
            at = torch.tensor(_spread(rows, self.rows, len(x)), device=x.device)
            output[at] = _added(layer, look, x[at], output[at])
        return output


def _added(layer: nn.Module, look: _Look, x: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
    for low_rank, weight in look:
        output = low_rank.applied(layer, x, output, weight)
    return output


def _groups(looks: Sequence[_Look]) -> tuple[tuple[_Look, tuple[int, ...]], ...]:
    groups: dict[tuple[tuple[int, float], ...], tuple[_Look, list[int]]] = {}
    for row, look in enumerate(looks):
        if look:
            groups.setdefault(tuple((id(worn), weight) for worn, weight in look), (look, []))[1].append(row)
    return tuple((look, tuple(rows)) for look, rows in groups.values())


def _spread(rows: Sequence[int], of: int, length: int) -> list[int]:
    """Which of `length` inputs belong to these rows: a row may have been unfolded into several (frames, heads)."""
    if length % of:
        raise ValueError(f"{length} inputs are no whole multiple of {of} rows: these LoRAs cannot be mixed")
    each = length // of
    return [row * each + part for row in rows for part in range(each)]
