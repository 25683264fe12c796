"""The parts of a single-file checkpoint whose weights are packed as float8 with a scale beside them."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.loaders.single_file import load_single_file_sub_model
from safetensors.torch import load_file

from engine.model_files.checkpoint import Checkpoint, is_beside_weights
from engine.model_files.diffusers_folder import UNWANTED, ModelFolder


def unpacked(path: Path, checkpoint: Checkpoint, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Every tensor of the file as it was before it was packed: weight = float8 value * scale, computed in float32."""
    packed = load_file(path)
    return {
        name: _scaled(tensor, packed[scale]).to(dtype) if (scale := checkpoint.scales.get(name)) else tensor
        for name, tensor in packed.items()
        if not is_beside_weights(name)
    }


def _scaled(weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """`scale` holds one number, or one for each row of `weight`."""
    return weight.float() * scale.float().reshape(-1, *[1] * (weight.ndim - 1))


def read_parts(
    tensors: Mapping[str, torch.Tensor], configuration: Path, found: ModelFolder, dtype: torch.dtype
) -> dict[str, Any]:
    """The pipeline's modules by name, as diffusers' `from_single_file` makes them of a file it has read itself."""
    return {
        name: load_single_file_sub_model(
            library_name=library,
            class_name=class_name,
            name=name,
            checkpoint=dict(tensors),
            pipelines=diffusers.pipelines,
            is_pipeline_module=False,
            cached_model_config_path=str(configuration),
            local_files_only=True,
            torch_dtype=dtype,
        )
        for name, (library, class_name) in found.components.items()
        if name not in UNWANTED and library in ("diffusers", "transformers")
    }
