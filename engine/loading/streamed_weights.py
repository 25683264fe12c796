"""A denoiser whose blocks lie in main memory: while one computes, the next is on its way to the device.

Two buffers on the device take turns. Main memory keeps the weights, so nothing is copied back, and lanes that share a
pass share its copies. What is in no block stays on the device, and so do as many blocks as there is room for.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
import functools
from collections.abc import Generator
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from engine.batching.weight_tensors import EXECUTES_ON, STREAMED, weight_bytes
from engine.loading.packed_block import PackedBlock
from engine.loading.weight_link import Wait, WeightLink, link_to
from engine.memory.kept_blocks import blocks_that_stay
from engine.memory.tensor_kinds import blocks_of

_BUFFERS = 2


def stream_through(module: nn.Module, device: torch.device, room: int = 0) -> StreamedWeights:
    """Keep blocks of a denoiser in main memory, all but `room` bytes of them, and let it compute on the device."""
    streamed = StreamedWeights(module, device, link_to(device), room)
    for owner in module.modules():
        vars(owner)[EXECUTES_ON] = device
    vars(module)[STREAMED] = streamed
    return streamed


class StreamedWeights:
    """The blocks of one module that are away, the order in which a pass uses them, and the one that is on its way."""

    def __init__(self, module: nn.Module, device: torch.device, link: WeightLink, room: int = 0) -> None:
        self.device, self.link = device, link
        names = [name for name, _ in module.named_parameters(remove_duplicate=False)]
        places = dict.fromkeys(block for block in blocks_of(names, "denoiser").values() if block)
        every = [module.get_submodule(place) for place in places]
        stay = blocks_that_stay([weight_bytes([block]) for block in every], room)
        self.blocks = [PackedBlock(block, link, device) for number, block in enumerate(every) if number not in stay]
        self.away = frozenset[int]().union(*(block.away for block in self.blocks))
        """The identities of parameters that stand in for weights on the device."""
        self._outside = self._move_the_rest(module)
        self._order = list(range(len(self.blocks)))
        """The blocks in the order of the latest pass; of the first one it is guessed."""
        self._entered: list[int] = []
        self._buffers: list[_Buffer] = []
        """While a pass runs, for the blocks in turn."""
        self._coming: tuple[int, Wait] | None = None
        self._widen: torch.dtype | None = None
        self._hook(module)

    @property
    def bytes(self) -> int:
        """Bytes on the device while a pass runs."""
        return self._outside + sum(self._sizes())

    @contextlib.contextmanager
    def widened(self, dtype: torch.dtype) -> Generator[None]:
        """Bring weights in as `dtype`, where that is wider, for one pass."""
        self._widen = dtype
        try:
            yield
        finally:
            self._widen = None

    def close(self) -> None:
        """Give main memory back; the module computes no more."""
        for block in self.blocks:
            block.close()

    def _move_the_rest(self, module: nn.Module) -> int:
        """Move what is in no block that is away to the device; how many bytes that are."""
        rest = nn.Module()
        for owner in module.modules():
            for name, buffer in owner._buffers.items():
                owner._buffers[name] = None if buffer is None else buffer.to(self.device)
        moved: dict[int, nn.Parameter] = {}
        for path, owner in module.named_modules():
            for name, parameter in owner._parameters.items():
                if parameter is None or id(parameter) in self.away:
                    continue
                there = moved.setdefault(id(parameter), _moved(parameter, self.device))
                owner._parameters[name] = there
                rest.register_parameter(f"{path}.{name}".replace(".", "_"), there)
        return weight_bytes([rest])

    def _hook(self, module: nn.Module) -> None:
        module.register_forward_pre_hook(self._begin)
        for number, block in enumerate(self.blocks):
            block.module.register_forward_pre_hook(functools.partial(self._enter, number))
            block.module.register_forward_hook(functools.partial(self._leave, number), always_call=True)
        module.register_forward_hook(self._end, always_call=True)

    def _begin(self, *_: Any) -> None:
        self._end()
        self._entered = []
        self._buffers = [_Buffer(self.link, self.device, size) for size in self._sizes()]
        if self._order:
            self._fetch(self._order[0])

    def _enter(self, number: int, *_: Any) -> None:
        if not self._buffers:
            self._begin()
        if self._coming is None or self._coming[0] != number:
            self._drop_coming()
            self._fetch(number)
        at = len(self._entered) % _BUFFERS
        block = self.blocks[number]
        self._drop_coming()
        block.bring_in(self._buffers[at].bytes[: block.host.nbytes], self._widen)
        self._entered.append(number)
        if len(self._entered) < len(self._order):
            self._fetch(self._order[len(self._entered)])

    def _leave(self, number: int, *_: Any) -> None:
        self.blocks[number].let_go()
        if self._entered:
            self._buffers[(len(self._entered) - 1) % _BUFFERS].free = self.link.mark()

    def _end(self, *_: Any) -> None:
        self._drop_coming()
        self._order = self._entered or self._order
        self._buffers = []

    def _fetch(self, number: int) -> None:
        """Begin to copy a block into the buffer whose turn is next."""
        host, at = self.blocks[number].host, len(self._entered) % _BUFFERS
        if self._buffers[at].bytes.nbytes < host.nbytes:
            self._buffers[at] = _Buffer(self.link, self.device, host.nbytes)
        buffer = self._buffers[at]
        self._coming = number, self.link.copy(host, buffer.bytes[: host.nbytes], buffer.free)

    def _drop_coming(self) -> None:
        """Have the device wait for the block that is on its way, if any."""
        if self._coming:
            self._coming[1]()
        self._coming = None

    def _sizes(self) -> list[int]:
        """What each buffer must hold."""
        turns = (self._order[turn::_BUFFERS] for turn in range(_BUFFERS))
        return [max((self.blocks[number].host.nbytes for number in turn), default=0) for turn in turns]


@torch.inference_mode(False)  # a quantised tensor that is made in it cannot become a parameter
def _moved(parameter: nn.Parameter, device: torch.device) -> nn.Parameter:
    """The parameter on the device; a quantised one is another there, for its data cannot be exchanged."""
    if is_traceable_wrapper_subclass(parameter):
        return nn.Parameter(parameter.detach().to(device), requires_grad=False)
    parameter.data = parameter.data.to(device)
    return parameter


class _Buffer:
    """Bytes on the device for one block at a time."""

    @torch.inference_mode(False)
    def __init__(self, link: WeightLink, device: torch.device, size: int) -> None:
        self.bytes = torch.empty(size, dtype=torch.uint8, device=device)
        self.free = link.mark()
        """The moment from which on it may be written to."""
