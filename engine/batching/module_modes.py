"""Modes of a shared module for one forward pass: float32 weights, circular padding, a tiled autoencoder."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any

import torch
from diffusers.hooks.layerwise_casting import _LAYERWISE_CASTING_HOOK  # pyright: ignore[reportPrivateUsage]

from engine.batching.weight_tensors import STREAMED


@contextlib.contextmanager
def in_float32(module: torch.nn.Module) -> Generator[None]:
    """Hold the module's floating-point weights in float32 for one pass; the stored tensors are restored after it.

    Layers that widen their own weights as they run (layerwise casting) widen them to float32, and blocks that are
    streamed are widened on the device.
    """
    streamed = vars(module).get(STREAMED)
    hooks = [(hook, hook.compute_dtype) for part in module.modules() if (hook := _casting_hook(part))]
    casting = {id(weight) for part in module.modules() if _casting_hook(part) for weight in part.parameters()}
    narrow = [
        (tensor, tensor.data)
        for tensor in (*module.parameters(), *module.buffers())
        if tensor.is_floating_point() and tensor.dtype != torch.float32 and id(tensor) not in casting
    ]
    narrow = [each for each in narrow if streamed is None or id(each[0]) not in streamed.away]
    try:
        for hook, _ in hooks:
            hook.compute_dtype = torch.float32
        for tensor, stored in narrow:
            tensor.data = stored.float()
        with contextlib.nullcontext() if streamed is None else streamed.widened(torch.float32):
            yield
    finally:
        for tensor, stored in narrow:
            tensor.data = stored
        for hook, compute_dtype in hooks:
            hook.compute_dtype = compute_dtype


def _casting_hook(layer: torch.nn.Module) -> Any:
    registry = vars(layer).get("_diffusers_hook")
    return registry.get_hook(_LAYERWISE_CASTING_HOOK) if registry is not None else None


@contextlib.contextmanager
def circular(module: torch.nn.Module) -> Generator[None]:
    """Set `padding_mode` of the module's convolutions to "circular" for one pass, so that borders meet."""
    convolutions = wrappable(module)
    try:
        for convolution in convolutions:
            convolution.padding_mode = "circular"
        yield
    finally:
        for convolution in convolutions:
            convolution.padding_mode = "zeros"


def wrappable(module: torch.nn.Module) -> list[torch.nn.Conv2d]:
    """The 2D convolutions that pad with zeros, whose padding can be circular instead."""
    found = (part for part in module.modules() if isinstance(part, torch.nn.Conv2d))
    return [part for part in found if part.padding_mode == "zeros" and part.padding not in ((0, 0), "valid")]


def can_tile(module: torch.nn.Module) -> bool:
    """Is this an autoencoder that offers tiling and has it switched off?"""
    return hasattr(module, "enable_tiling") and not getattr(module, "use_tiling", True)


@contextlib.contextmanager
def tiled(module: Any) -> Generator[None]:
    """Let an autoencoder work tile by tile for one pass: it needs less memory, and pixels differ a little."""
    module.enable_tiling()
    try:
        yield
    finally:
        module.disable_tiling()
