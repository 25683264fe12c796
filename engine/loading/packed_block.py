"""One block's weights as bytes in a row in main memory, and the way from such bytes back into its layers."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportPrivateUsage=false

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from engine.loading.weight_link import WeightLink

_ALIGNED = 256
"""Bytes; what allocators and kernels of accelerators expect of a tensor's address."""
_LINE = 64
"""Bytes of a processor's cache line: how a tensor lies in it changes the last bits of what a CPU computes."""

Unpack = Callable[[torch.Tensor], torch.Tensor]
"""From the bytes of a block, on any device, to one tensor in them, which is a view."""


@dataclass(frozen=True, slots=True)
class _Weight:
    owner: nn.Module
    name: str
    away: nn.Parameter
    """What stands in the layer while the block is not on the device: a view of main memory."""
    unpack: Unpack
    wrap: Callable[[torch.Tensor], nn.Parameter]
    """Makes a parameter of a tensor; a GGUF's says of which type its bytes are."""


class PackedBlock:
    """The weights of one block."""

    def __init__(self, module: nn.Module, link: WeightLink, device: torch.device) -> None:
        """Moves the weights into one piece of main memory, as the link wants it."""
        self.module = module
        packer = _Packer(device.type == "cpu")
        found = [
            (owner, name, packer.pack(_plain(parameter)), _wrapper(parameter))
            for owner in module.modules()
            for name, parameter in owner._parameters.items()
            if parameter is not None
        ]
        self.host = link.host_bytes(packer.size)
        packer.write(self.host)
        self._weights = tuple(
            _Weight(owner, name, wrap(unpack(self.host)), unpack, wrap) for owner, name, unpack, wrap in found
        )
        self._release = weakref.finalize(self, link.release, self.host)
        self._release.atexit = False
        self.let_go()

    @property
    def away(self) -> frozenset[int]:
        """The identities of the parameters that stand in the layers while the block is not on the device."""
        return frozenset(id(weight.away) for weight in self._weights)

    @torch.inference_mode(False)  # a quantised tensor that is made in it cannot become a parameter
    def bring_in(self, arrived: torch.Tensor, widen: torch.dtype | None) -> None:
        """Put the weights in these bytes into the layers; in the format `widen` where that is given and wider."""
        for weight in self._weights:
            tensor = weight.unpack(arrived)
            if widen is not None and tensor.is_floating_point() and 1 < tensor.itemsize < widen.itemsize:
                tensor = tensor.to(widen)  # narrower ones are widened by their layers as they run
            weight.owner._parameters[weight.name] = weight.wrap(tensor)

    def let_go(self) -> None:
        """Put main memory's weights back into the layers."""
        for weight in self._weights:
            weight.owner._parameters[weight.name] = weight.away

    def close(self) -> None:
        """Give main memory back; the block computes no more."""
        self._release()
        self.host = self.host.new_empty(0)


def _plain(parameter: nn.Parameter) -> torch.Tensor:
    as_tensor: Callable[[], torch.Tensor] = getattr(parameter, "as_tensor", parameter.detach)
    return as_tensor()


def _wrapper(parameter: nn.Parameter) -> Callable[[torch.Tensor], nn.Parameter]:
    packed, kind = getattr(parameter, "quant_type", None), cast("Any", type(parameter))
    make: Any = nn.Parameter if packed is None else functools.partial(kind, quant_type=packed)
    return functools.partial(make, requires_grad=False)


class _Packer:
    """Finds each tensor a place in a row of bytes."""

    def __init__(self, keeps_lines: bool) -> None:
        """`keeps_lines` places tensors in cache lines as they lay, so that a CPU computes the same bits."""
        self.size, self._keeps_lines = 0, keeps_lines
        self._placed: list[tuple[int, torch.Tensor]] = []

    def pack(self, tensor: torch.Tensor) -> Unpack:
        """A quantised tensor is packed as those that it is made of."""
        if not is_traceable_wrapper_subclass(tensor):
            return self._place(tensor)
        names, context = tensor.__tensor_flatten__()
        inner = {name: self.pack(getattr(tensor, name)) for name in names}
        return _rebuilding(type(tensor), inner, context, tensor.shape, tensor.stride())

    def write(self, target: torch.Tensor) -> None:
        """Copy the tensors to their places."""
        for start, tensor in self._placed:
            target[start : start + tensor.nbytes].view(tensor.dtype).view(tensor.shape).copy_(tensor)
        self._placed.clear()

    def _place(self, tensor: torch.Tensor) -> Unpack:
        lay = tensor.data_ptr() % _LINE if self._keeps_lines else 0
        start = self.size + lay - lay % tensor.itemsize
        stop = start + tensor.nbytes
        self._placed.append((start, tensor))
        self.size = -(-stop // _ALIGNED) * _ALIGNED
        dtype, shape = tensor.dtype, tensor.shape
        return lambda every: every[start:stop].view(dtype).view(shape)


def _rebuilding(cls: Any, inner: Mapping[str, Unpack], context: Any, shape: Any, stride: Any) -> Unpack:
    def unpack(every: torch.Tensor) -> torch.Tensor:
        parts = {name: each(every) for name, each in inner.items()}
        return cls.__tensor_unflatten__(parts, context, shape, stride)

    return unpack
