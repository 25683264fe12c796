"""Weights that lie in main memory and pass through the device block by block while their module runs.

Each block, and each layer outside of blocks, is copied to the device before it runs and dropped after it: main memory
keeps the originals, so nothing is ever copied back. Lanes that share a pass share its copies.
"""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from engine.batching.weight_tensors import EXECUTES_ON


@dataclass(frozen=True, eq=False)
class PassingWeights:
    """The weights of one block: hooks that bring them in and let them go."""

    device: torch.device
    parts: tuple[tuple[nn.Module, str, nn.Parameter], ...]
    """Module, name in it, and the original in main memory."""

    @torch.inference_mode(False)  # a quantised tensor that is made in it cannot become a parameter
    def bring_in(self, *_: Any) -> None:
        """Put copies on the device in place of the originals."""
        for module, name, original in self.parts:
            module._parameters[name] = _on(self.device, original)  # pyright: ignore[reportPrivateUsage]

    def let_go(self, *_: Any) -> None:
        """Put the originals back."""
        for module, name, original in self.parts:
            module._parameters[name] = original  # pyright: ignore[reportPrivateUsage]


def pass_through(module: nn.Module, device: torch.device) -> None:
    """Keep the module's weights in main memory, and let it compute on the device all the same."""
    for owner in module.modules():
        vars(owner)[EXECUTES_ON] = device
        for name, buffer in owner._buffers.items():  # pyright: ignore[reportPrivateUsage]
            owner._buffers[name] = None if buffer is None else buffer.to(device)  # pyright: ignore[reportPrivateUsage]
    if device.type == "cuda":
        for parameter in module.parameters():
            parameter.data = parameter.data.pin_memory()
    for block, owners in _blocks(module):
        parts = tuple(
            (owner, name, parameter)
            for owner in owners
            for name, parameter in owner.named_parameters(recurse=False, remove_duplicate=False)
        )
        weights = PassingWeights(device, parts)
        block.register_forward_pre_hook(weights.bring_in)
        block.register_forward_hook(weights.let_go, always_call=True)


def _blocks(module: nn.Module) -> Iterator[tuple[nn.Module, tuple[nn.Module, ...]]]:
    """Modules that are brought in as a whole, with those whose parameters they bring."""
    if next(module.parameters(recurse=False), None) is not None:
        yield module, (module,)
    for child in module.children():
        if isinstance(module, nn.ModuleList):
            yield child, tuple(child.modules())
        else:
            yield from _blocks(child)


def _on(device: torch.device, original: nn.Parameter) -> nn.Parameter:
    """A copy, also where main memory is the device."""
    copy = original.detach().to(device, non_blocking=True, copy=True)
    return nn.Parameter(copy, requires_grad=False)
