"""LoRAs in a model's shared weights: loaded once by name, worn by single rows of a forward pass.

Every LoRA layer is told for each row which adapter it wears (PEFT's `adapter_names`), so that calls with different
LoRAs, and calls with none, can share a pass. Device thread only: loading changes the shared modules.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (peft and diffusers leave many types open)

from __future__ import annotations

import contextlib
import copy
import hashlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch import nn

from engine.errors import InvalidRequest
from engine.settings import LoRASettings

Worn = tuple[tuple[str, float], ...]
"""LoRA names with their weights; () is the bare model."""

_BARE = "__base__"
"""PEFT's own word for a row without an adapter."""
_ROWS = "lora_rows"
"""The attribute by which a module with LoRA layers is found again."""
_FAILURES = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError)


@dataclass
class Rows:
    """What the rows of the present forward pass wear; every LoRA layer of one module looks here."""

    names: tuple[str, ...] = ()


@dataclass
class Adapters:
    """The LoRAs of one loaded model."""

    base: Any
    """The model's pipeline."""
    offered: Mapping[str, LoRASettings]
    _loaded: set[str] = field(default_factory=set[str])
    _combined: set[str] = field(default_factory=set[str])
    _rows: Rows = field(default_factory=Rows)

    def ensure(self, worn: Worn) -> None:
        """Load what is worn and not here yet (a second or so). Raises `InvalidRequest` for a LoRA that does not fit."""
        for name, _ in worn:
            if name not in self._loaded:
                self._load(name)
                self._loaded.add(name)
        combined = _alias(worn)
        if worn and combined not in self._combined:
            for layer in self._layers():
                _combine(layer, combined, [(name, weight * self.offered[name].weight) for name, weight in worn])
            self._combined.add(combined)

    def _load(self, name: str) -> None:
        path = self.offered[name].path
        before = {id(layer) for layer in self._layers()}
        try:
            self.base.load_lora_weights(
                str(path.parent), weight_name=path.name, adapter_name=_own(name), local_files_only=True
            )
        except _FAILURES as error:
            raise InvalidRequest("loras", f"{name!r} does not fit this model; choose another LoRA") from error
        layers = self._layers()
        if not any(_own(name) in layer.lora_A for layer in layers):
            raise InvalidRequest("loras", f"{name!r} holds nothing for this model")
        for layer in layers:
            if id(layer) not in before:
                layer.register_forward_pre_hook(_dress(self._rows), with_kwargs=True)
        for module in self._modules():
            setattr(module, _ROWS, self._rows)

    def _layers(self) -> list[Any]:
        return [layer for module in self._modules() for layer in module.modules() if isinstance(layer, LoraLayer)]

    def _modules(self) -> list[nn.Module]:
        return [part for part in self.base.components.values() if isinstance(part, nn.Module)]


@contextlib.contextmanager
def wearing(module: nn.Module, rows: Sequence[Worn]) -> Generator[None]:
    """For one forward pass of a model's module, let each row wear its LoRAs, which `Adapters.ensure` has loaded.

    One entry stands for all rows. A module without LoRAs is left alone.
    """
    state: Rows | None = getattr(module, _ROWS, None)
    if state is None:
        yield
        return
    state.names = tuple(_alias(worn) for worn in rows)
    try:
        yield
    finally:
        state.names = ()


def _own(name: str) -> str:
    # PEFT makes the name part of a parameter's path: no dots.
    return "lora_" + hashlib.sha256(name.encode()).hexdigest()[:16]


def _alias(worn: Worn) -> str:
    return "worn_" + hashlib.sha256(repr(worn).encode()).hexdigest()[:16] if worn else _BARE


def _dress(rows: Rows) -> Any:
    """A hook that tells a layer's forward what each row of its input wears."""

    def hook(_layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return args, {**kwargs, "adapter_names": _spread(rows.names, len(args[0]))}

    return hook


def _spread(names: Sequence[str], length: int) -> list[str]:
    """One name for each of `length` inputs: a row may have been unfolded into several (frames, heads)."""
    if len(set(names)) <= 1:
        return [names[0] if names else _BARE] * length
    if length % len(names):
        raise ValueError(f"{length} inputs are no whole multiple of {len(names)} rows: these LoRAs cannot be mixed")
    return [name for name in names for _ in range(length // len(names))]


def _combine(layer: Any, alias: str, worn: Iterable[tuple[str, float]]) -> None:
    """Give the layer an adapter that is the weighted sum of others: their ranks side by side."""
    parts = [(_own(name), weight) for name, weight in worn if _own(name) in layer.lora_A]
    if not parts:
        return
    names = [name for name, _ in parts]
    down, up = copy.deepcopy(layer.lora_A[names[0]]), copy.deepcopy(layer.lora_B[names[0]])
    down.weight = _frozen([layer.lora_A[name].weight for name in names], dim=0)
    up.weight = _frozen([layer.lora_B[name].weight * (layer.scaling[name] * weight) for name, weight in parts], dim=1)
    layer.lora_A[alias], layer.lora_B[alias] = down, up
    layer.lora_dropout[alias] = nn.Identity()
    layer.scaling[alias], layer.use_dora[alias] = 1.0, any(layer.use_dora.get(name, False) for name in names)


def _frozen(weights: Sequence[torch.Tensor], dim: int) -> nn.Parameter:
    return nn.Parameter(torch.cat([weight.detach() for weight in weights], dim=dim), requires_grad=False)
