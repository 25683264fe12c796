"""The way of weights from main memory to a device: copies that run while the device computes."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any, Protocol

import torch

logger = logging.getLogger(__name__)

_PAGE = 4096
"""Bytes of main memory that are locked as a whole; no two pieces share one."""
_FOR_EVERY_DEVICE = 1
"""cudaHostRegisterPortable."""

Wait = Callable[[], None]
"""Has the device compute nothing further until a copy has arrived."""


class WeightLink(Protocol):
    """Copies blocks of bytes to one device."""

    def host_bytes(self, size: int) -> torch.Tensor:
        """(size,) uint8 in main memory, such that copies from it are fast."""
        ...

    def release(self, memory: torch.Tensor) -> None:
        """Undo what `host_bytes` did beyond allocating; the memory is about to be freed."""
        ...

    def mark(self) -> Any:
        """The moment at which the device has computed everything that was asked of it so far."""
        ...

    def copy(self, source: torch.Tensor, target: torch.Tensor, after: Any) -> Wait:
        """Begin to copy uint8 of equal size to the device, once the moment `after` is there."""
        ...


def link_to(device: torch.device) -> WeightLink:
    """The link to a device."""
    return _CUDALink(device) if device.type == "cuda" else _DirectLink()


class _DirectLink:
    """Copies at once: main memory is the device, or the device has no streams."""

    def host_bytes(self, size: int) -> torch.Tensor:
        return torch.empty(size, dtype=torch.uint8)

    def release(self, memory: torch.Tensor) -> None:
        return None

    def mark(self) -> None:
        return None

    def copy(self, source: torch.Tensor, target: torch.Tensor, after: Any) -> Wait:
        target.copy_(source)
        return _arrived


class _CUDALink:
    """Copies on a stream of its own; the two streams wait for one another, the processor for neither."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._locked: set[int] = set()
        """Addresses."""

    def host_bytes(self, size: int) -> torch.Tensor:
        whole = torch.empty(size + 2 * _PAGE, dtype=torch.uint8)
        memory = whole[-whole.data_ptr() % _PAGE :]
        self._lock(memory, -(-size // _PAGE) * _PAGE)
        return memory[:size]

    def _lock(self, memory: torch.Tensor, size: int) -> None:
        """Have the driver lock pages, which makes copies from them fast, and lets them run beside computing.

        `pin_memory` does so too, and rounds sizes up to powers of two: half as much again for a block of 360 MB.
        """
        runtime: Any = torch.cuda.cudart()
        if int(runtime.cudaHostRegister(memory.data_ptr(), size, _FOR_EVERY_DEVICE)) == 0:
            self._locked.add(memory.data_ptr())
            return
        logger.warning("main memory cannot be locked for copies to the device, which makes them slower")
        with contextlib.suppress(RuntimeError):  # or the next kernel would be blamed for what was refused here
            torch.ones(1, device=self._device).add(1)
            torch.cuda.synchronize(self._device)

    def release(self, memory: torch.Tensor) -> None:
        if memory.data_ptr() not in self._locked:
            return
        runtime: Any = torch.cuda.cudart()
        torch.cuda.synchronize(self._device)
        runtime.cudaHostUnregister(memory.data_ptr())
        self._locked.discard(memory.data_ptr())

    def mark(self) -> Any:
        return torch.cuda.current_stream(self._device).record_event()

    def copy(self, source: torch.Tensor, target: torch.Tensor, after: Any) -> Wait:
        self._stream.wait_event(after)
        with torch.cuda.stream(self._stream):
            target.copy_(source, non_blocking=True)
            there = self._stream.record_event()
        return lambda: torch.cuda.current_stream(self._device).wait_event(there)


def _arrived() -> None:
    return None
