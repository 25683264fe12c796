"""Checks the files that a host names beside models: upscaler, captioner, cutout, style adapter, tiny autoencoder.

What is refused here is refused in the same words by whoever opens the files. Torch-free.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any, cast

from engine.errors import ModelLoadFailed
from engine.model_files.single_file import tensor_names

ENCODER = "image_encoder"
"""The folder beside a style adapter's file."""


def prove_upscaler(file: Path) -> None:
    """Raises `ModelLoadFailed` for what is no safetensors file, and where the library is missing that reads it."""
    remedy = "correct upscaler in the settings"
    if not file.is_file():
        raise ModelLoadFailed("upscaler", f"there is no file {file.name}", remedy)
    if file.suffix != ".safetensors":
        raise ModelLoadFailed("upscaler", f"{file.name} is no safetensors file", "convert it first")
    try:
        tensor_names(file)
    except ModelLoadFailed as error:
        raise ModelLoadFailed("upscaler", error.why, error.remedy) from error
    if importlib.util.find_spec("spandrel") is None:
        raise ModelLoadFailed(
            "upscaler", "spandrel is missing", "in Darkroom's folder: pip install -c constraints.txt '.[upscalers]'"
        )


def prove_tool(tool: str, folder: Path) -> None:
    """Raises `ModelLoadFailed` for what is no folder with a configuration and safetensors; `tool` is the setting."""
    if not folder.is_dir():
        raise ModelLoadFailed(tool, f"{folder.name} is no folder", f"correct {tool} in the settings")
    if not (folder / "config.json").is_file():
        raise ModelLoadFailed(tool, f"{folder.name} holds no config.json", "copy the model again")
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelLoadFailed(tool, f"there are no .safetensors in {folder.name}", "convert it to safetensors")
    for file in files:
        try:
            tensor_names(file)
        except ModelLoadFailed as error:
            raise ModelLoadFailed(tool, error.why, error.remedy) from error


def adapter_files(location: str, encoder: str | None = None) -> tuple[Path, Path]:
    """A style adapter's weights, and the folder of the encoder they were trained with."""
    file = Path(location)
    return file, file.parent / ENCODER if encoder is None else Path(encoder)


def prove_adapter(model: str, location: str, encoder: str | None = None) -> None:
    """Raises `ModelLoadFailed` for what is no safetensors file with the folder of its encoder."""
    file, folder = adapter_files(location, encoder)
    if file.suffix != ".safetensors" or not file.is_file():
        why = f"{file.name} is no safetensors file"
        raise ModelLoadFailed(model, why, "correct style_adapter in the settings")
    if not (folder / "config.json").is_file():
        why = f"{file.name} needs its image encoder, and there is none in the folder `{folder.name}`"
        raise ModelLoadFailed(model, why, "name that folder as style_encoder in the settings")
    try:
        tensor_names(file)
    except ModelLoadFailed as error:
        raise ModelLoadFailed(model, error.why, error.remedy) from error


def tiny_autoencoder_flaw(folder: Path, channels: int | None = None) -> str:
    """Why it cannot show previews, "" if it can; `channels` are those of the model's latents, where they are known."""
    try:
        config: Any = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        return f"taesd: {folder.name} is no folder with an autoencoder"
    if not isinstance(config, dict) or cast("dict[str, Any]", config).get("_class_name") != "AutoencoderTiny":
        return f"taesd: {folder.name} is no tiny autoencoder (AutoencoderTiny)"
    if not (folder / "diffusion_pytorch_model.safetensors").is_file():
        return f"taesd: there are no .safetensors in {folder.name}"
    own = cast("dict[str, Any]", config).get("latent_channels", 4)
    if channels is not None and own != channels:
        return f"taesd: {folder.name} is for latents of {own} channels, the model's have {channels}"
    return ""
