"""A single file as a pipeline in main memory: its weights, and its base's configuration and other parts."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
from safetensors.torch import load_file

from engine.errors import ModelLoadFailed
from engine.loading.read_folder import Reading, read_folder
from engine.model_files import diffusers_folder
from engine.model_files.autoencoder_file import autoencoder_of
from engine.model_files.checkpoint import read_checkpoint
from engine.model_files.checkpoint_parts import read_parts
from engine.model_files.lent_configuration import lent_configuration
from engine.model_spec import ModelSpec


def read_file(spec: ModelSpec, path: Path, lent: Path, reading: Reading, given: Mapping[str, Any]) -> Any:
    """The pipeline of a checkpoint; `lent` is the folder of its base, modules that are `given` are read from neither.

    Raises `ModelLoadFailed`, and whatever diffusers raises.
    """
    checkpoint = read_checkpoint(path)
    held = checkpoint.components | given.keys()
    with lent_configuration(lent, checkpoint, spec.pipeline, held) as view:
        found = diffusers_folder.read(view)
        parts = read_parts(spec.name, path, checkpoint, view, found, reading.dtypes, reading.quantization(found))
        return read_folder(view, spec.configuration and spec.configuration.variant, reading, {**parts, **given})


def read_autoencoder(spec: ModelSpec, path: Path, folder: Path, reading: Reading) -> Any:
    """The autoencoder in a folder or a file; a file's configuration is that of the model's own, in `folder`."""
    dtype = reading.dtypes.get("vae", reading.dtype)
    if path.is_file():
        _, class_name = diffusers_folder.read(folder).components.get("vae", ("", ""))
        if not class_name:
            raise ModelLoadFailed(spec.name, "vae: the model has none to replace", "remove vae")
        return autoencoder_of(spec.name, load_file(path), class_name, folder, dtype)
    class_name = str(json.loads((path / "config.json").read_bytes()).get("_class_name"))
    if not class_name.startswith("Autoencoder") or not hasattr(diffusers, class_name):
        raise ModelLoadFailed(spec.name, f"vae: {path.name} holds no autoencoder", "correct vae in the settings")
    cls: Any = getattr(diffusers, class_name)
    return cls.from_pretrained(str(path), local_files_only=True, use_safetensors=True, dtype=dtype)
