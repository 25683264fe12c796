"""What a module's weights are made of: plain tensors, or tensors that hold others (quantised ones)."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

EXECUTES_ON = "executes_on"
"""The attribute of a module, and of every layer in it, that says where it computes, where its weights lie elsewhere."""
STREAMED = "streamed_weights"
"""The attribute of a module whose blocks are brought to the device one by one: what brings them."""


def plain_tensors(tensor: torch.Tensor) -> Iterator[torch.Tensor]:
    """The tensors that really are in memory: those that a quantised one is made of, else the tensor itself.

    torchao's and quanto's have no storage of their own, and what they say of its size is that of the wide weights.
    """
    if not is_traceable_wrapper_subclass(tensor):
        yield tensor
        return
    for name in tensor.__tensor_flatten__()[0]:
        yield from plain_tensors(getattr(tensor, name))


def weight_bytes(modules: Iterable[nn.Module]) -> int:
    """Bytes of all parameters and buffers, shared ones once."""
    storages = {
        (storage := plain.untyped_storage()).data_ptr(): storage.nbytes()
        for module in modules
        for tensor in (*module.parameters(), *module.buffers())
        for plain in plain_tensors(tensor)
    }
    return sum(storages.values())


def can_widen(module: nn.Module) -> bool:
    """Are all weights floating-point numbers in tensors of their own?"""
    weights = (parameter for parameter in module.parameters() if parameter.ndim > 1)
    return all(weight.is_floating_point() and not is_traceable_wrapper_subclass(weight) for weight in weights)
