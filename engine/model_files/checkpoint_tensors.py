"""The tensors of a single-file checkpoint as the libraries want them: unpacked, and without ComfyUI's prefix."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.single_file_utils import load_single_file_checkpoint
from safetensors.torch import load_file

from engine.model_files.checkpoint import Checkpoint, is_beside_weights
from engine.model_files.checkpoint_families import PREFIXES

Tensors = dict[str, torch.Tensor]


def read_tensors(path: Path, checkpoint: Checkpoint, dtype: torch.dtype) -> Tensors:
    """Every tensor of the file that is a weight; a GGUF's denoiser stays as it is packed.

    Scaled float8 is what it was before it was packed: float8 value * scale, computed in float32.
    """
    if checkpoint.is_gguf:
        return _of_gguf(path, checkpoint, dtype)
    packed = load_file(path)
    return {
        name: _scaled(tensor, packed[scale]).to(dtype) if (scale := checkpoint.scales.get(name)) else tensor
        for name, tensor in packed.items()
        if not is_beside_weights(name)
    }


def denoiser_tensors(tensors: Tensors, checkpoint: Checkpoint) -> Tensors:
    """Those of the denoiser, with the names that diffusers' conversions know."""
    own = {
        name.removeprefix(checkpoint.prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(checkpoint.prefix)
    }
    if checkpoint.family.denoiser == "unet" and not any(name.startswith("down_blocks.") for name in own):
        return {PREFIXES[0] + name: tensor for name, tensor in own.items()}
    return own


def _of_gguf(path: Path, checkpoint: Checkpoint, dtype: torch.dtype) -> Tensors:
    read: Any = load_single_file_checkpoint(str(path))
    found: Tensors = read
    for name, tensor in found.items():
        is_elsewhere = not name.startswith(checkpoint.prefix)
        if name in checkpoint.shapes:
            found[name] = unpacked(tensor, dtype).reshape(checkpoint.shapes[name])
        elif is_elsewhere or tensor.ndim != 2:  # only matrices of a denoiser are computed with as they are
            found[name] = unpacked(tensor, dtype)
    return found


def unpacked(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A GGUF's tensor as plain numbers."""
    utils: Any = importlib.import_module("diffusers.quantizers.gguf.utils")
    return utils.dequantize_gguf_tensor(tensor).to(dtype)


def _scaled(weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """`scale` holds one number, or one for each row of `weight`."""
    return weight.float() * scale.float().reshape(-1, *[1] * (weight.ndim - 1))
