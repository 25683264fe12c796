"""Reads a model of transformers that the host names for one task, and what prepares its inputs."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (transformers leaves most types open)

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from engine.base.foreign_errors import FAILURES, reason
from engine.errors import ModelLoadFailed
from engine.model_files.diffusers_folder import REMEDY
from engine.model_files.lacking_weights import lacking
from engine.model_files.tool_files import prove_tool


def read_tool(
    task: str, folder: Path, device: torch.device, model_class: Any, processor_class: Any, **options: Any
) -> tuple[Any, Any]:
    """The model on the device, in eval mode, and its processor: safetensors only, none of the folder's code is run.

    `options` are more of the model's. Raises `ModelLoadFailed` that names the task, the key of the configuration.
    """
    safely: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    prove_tool(task, folder)
    try:
        model, said = model_class.from_pretrained(
            folder, use_safetensors=True, output_loading_info=True, **safely, **options
        )
        processor = processor_class.from_pretrained(folder, **safely)
    except FAILURES as error:
        raise ModelLoadFailed(task, reason(error)) from error
    if words := lacking(model, said):
        raise ModelLoadFailed(task, f"{folder.name} {words}", REMEDY)
    return model.to(device).requires_grad_(False).eval(), processor
