"""Views of shared modules: same class, same weights, but a call parks the lane and waits for its output."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from transformers import PreTrainedModel

from engine.batching.lanes import Lane, ParkedCall, Stage
from engine.batching.weight_tensors import EXECUTES_ON

ANSWERS_A_LIST = "answers_a_list"
"""The attribute of a module whose answer is a tuple of batches, which its pipelines want as a list."""
_LISTS_OF_BATCHES = frozenset(
    {
        "block_controlnet_hidden_states",
        "controlnet_block_samples",
        "controlnet_cond",
        "controlnet_single_block_samples",
        "down_block_additional_residuals",
        "down_intrablock_additional_residuals",
    }
)
"""Arguments that diffusers passes as lists of batches."""


def stage_of(module: torch.nn.Module) -> Stage:
    """DECODE for autoencoders (also when they encode pictures), ENCODE for text encoders, DENOISE for the others."""
    # The methods of the class, not attributes: a denoiser may name its halves so.
    if hasattr(type(module), "encode") and hasattr(type(module), "decode"):
        return Stage.DECODE
    return Stage.ENCODE if isinstance(module, PreTrainedModel) else Stage.DENOISE


def parking_view(module: torch.nn.Module, lane: Lane) -> torch.nn.Module:
    """An object of a subclass with the same name, weights and configuration, whose calls park `lane`."""
    view = object.__new__(_parking_class(type(module)))
    vars(view).update(vars(module), _lane=lane, _parked_module=module, _stage=stage_of(module))
    return view


@functools.cache
def _parking_class(cls: type[torch.nn.Module]) -> type[torch.nn.Module]:
    methods: dict[str, Any] = {"__call__": _parking("__call__"), "_apply": _keep_weights}
    if isinstance(known := inspect.getattr_static(cls, "device", None), property):
        methods["device"] = _where_it_computes(known)
    if hasattr(cls, "encode") and hasattr(cls, "decode"):
        methods |= {name: _parking(name) for name in ("encode", "decode")}
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    return type(cls.__name__, (cls,), methods | names)


def _where_it_computes(known: property) -> property:
    """Like the class's own `device`, but right for weights that lie elsewhere until they are needed."""

    def device(self: Any) -> torch.device:
        return vars(self).get(EXECUTES_ON) or known.__get__(self)

    return property(device)


def _parking(method: str) -> Callable[..., Any]:
    def parked(self: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs = {name: _whole(name, value) for name, value in kwargs.items()}
        output = self._lane.park(ParkedCall(self._lane, self._parked_module, method, args, kwargs, self._stage))
        return list(output) if ANSWERS_A_LIST in vars(self) else output

    parked.__name__ = method
    return parked


def _whole(name: str, value: Any) -> Any:
    """Control networks' answers are whole batches: in a list they would be taken for the rows of one."""
    return tuple(value) if name in _LISTS_OF_BATCHES and isinstance(value, list) else value


def _keep_weights(self: torch.nn.Module, *_args: Any, **_kwargs: Any) -> torch.nn.Module:
    """Make `view.to(...)` do nothing: the weights are shared, so no pipeline may cast or move them."""
    return self
