"""One forward pass of one module, in the manner of its lane: float32, wrapped borders, LoRAs, tiles."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
from typing import Any, cast

import torch
from torch.utils._pytree import tree_map

from engine.batching.lanes import ParkedCall, Stage
from engine.batching.lora_hooks import wearing
from engine.batching.module_modes import circular, in_float32
from engine.errors import OutOfMemory


def forward(call: ParkedCall) -> Any:
    """One forward pass of the call's module, in the manner of its lane."""
    is_own = call.is_own
    if call.stage is Stage.DECODE:
        # Pipelines do so themselves, unless they believe they have just cast the autoencoder.
        call = _cast_floats(call, cast(torch.dtype, call.module.dtype))
    options = call.lane.options
    if options.upcast:
        call = _cast_floats(call, torch.float32)
    with contextlib.ExitStack() as stack:
        if is_own:
            stack.enter_context(call.lane.in_force())
        if options.upcast:
            stack.enter_context(in_float32(call.module))
        if options.circular:
            stack.enter_context(circular(call.module))
        stack.enter_context(wearing(call.module, call.worn or (options.loras,)))
        return getattr(call.module, call.method)(*call.args, **call.kwargs)


def _cast_floats(call: ParkedCall, dtype: torch.dtype) -> ParkedCall:
    def to_dtype(leaf: Any) -> Any:
        is_float = isinstance(leaf, torch.Tensor) and leaf.is_floating_point() and leaf.ndim > 1
        return leaf.to(dtype) if is_float else leaf

    args, kwargs = tree_map(to_dtype, (call.args, call.kwargs))
    return call.replaced(args, kwargs)


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was told."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def is_out_of_memory(error: BaseException) -> bool:
    """Is this how some device says that it has no memory left?"""
    said = str(error).lower()
    is_cpu = isinstance(error, RuntimeError) and ("out of memory" in said or "can't allocate memory" in said)
    return is_cpu or isinstance(error, torch.OutOfMemoryError | OutOfMemory)


def is_device_lost(error: BaseException) -> bool:
    """After such an error nothing works in this process any more; a new one has to be started."""
    return isinstance(error, torch.AcceleratorError) or "CUDA error" in str(error)
