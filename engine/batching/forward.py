"""One forward pass of one module with the options of its lane: float32, circular padding, LoRA adapters."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, cast

import torch
from torch.utils._pytree import tree_map

from engine.batching.lanes import ParkedCall, Stage
from engine.batching.lora_hooks import active_adapters
from engine.batching.module_modes import circular, in_float32
from engine.errors import OutOfMemory

COMPILED = "compiled_blocks"
"""The attribute of a denoiser that holds its `CompiledBlocks`."""
ATTENTION = "chosen_attention"
"""The attribute of a denoiser that holds its `ChosenAttention`."""


def forward(call: ParkedCall) -> Any:
    """Run one forward pass of the call's module with the run options of its lane. Raises what the module raises."""
    is_own = call.is_own
    if call.stage is Stage.DECODE:
        # Pipelines do so themselves, unless they believe they have just cast the autoencoder.
        call = _cast_floats(call, cast(torch.dtype, call.module.dtype))
    options = call.lane.options
    if options.upcast:
        call = _cast_floats(call, torch.float32)
    others: list[Any] = []
    with contextlib.ExitStack() as stack:
        if is_own:
            stack.enter_context(call.lane.in_force())
        if options.upcast:
            stack.enter_context(in_float32(call.module))
        if options.circular:
            stack.enter_context(circular(call.module))
        if any(adapters := call.adapters or (options.loras,)):
            stack.enter_context(active_adapters(call.module, adapters))
        elif (compiled := vars(call.module).get(COMPILED)) and _is_usual(call):
            stack.enter_context(compiled.in_use())
            others.append(compiled)
        if (attention := vars(call.module).get(ATTENTION)) and _is_usual(call):
            stack.enter_context(attention.in_use())
            others.append(attention)
        output = getattr(call.module, call.method)(*call.args, **call.kwargs)
    call.lane.has_own_bits &= not any(other.ran for other in others)
    return output


def _is_usual(call: ParkedCall) -> bool:
    """Does nothing change the module for this pass, and need its bits not be those of another one?"""
    options = call.lane.options
    return not (options.upcast or options.circular or call.lane.alone or call.lane.processors)


def _cast_floats(call: ParkedCall, dtype: torch.dtype) -> ParkedCall:
    def to_dtype(leaf: Any) -> Any:
        is_float = isinstance(leaf, torch.Tensor) and leaf.is_floating_point() and leaf.ndim > 1
        return leaf.to(dtype) if is_float else leaf

    args, kwargs = tree_map(to_dtype, (call.args, call.kwargs))
    return call.replaced(args, kwargs)


def synchronize(device: torch.device) -> None:
    """Wait until the device has run all queued kernels; on a CPU there are none."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def timed(compute: Callable[[], Any], device: torch.device, clock: Callable[[], float]) -> tuple[Any, float]:
    """What a computation gives, and the seconds it took on the device."""
    synchronize(device)
    began_s = clock()
    output = compute()
    synchronize(device)
    return output, clock() - began_s


def is_out_of_memory(error: BaseException) -> bool:
    """Does this error say that a device or the machine is out of memory?"""
    said = str(error).lower()
    is_cpu = isinstance(error, RuntimeError) and ("out of memory" in said or "can't allocate memory" in said)
    return is_cpu or isinstance(error, torch.OutOfMemoryError | OutOfMemory)


def is_device_lost(error: BaseException) -> bool:
    """Is the accelerator unusable in this process after this error? Only a new process can use it again."""
    return isinstance(error, torch.AcceleratorError) or "CUDA error" in str(error)
