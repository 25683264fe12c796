"""Autoencoders in one file: in their authors' names, or in diffusers'."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.loaders.single_file_utils import (
    convert_autoencoder_dc_checkpoint_to_diffusers,
    convert_ldm_vae_checkpoint,
    convert_wan_vae_to_diffusers,
)

from engine.errors import ModelLoadFailed

_STARTS = ("first_stage_model.", "vae.")
Convert = Callable[[dict[str, Any], Mapping[str, Any]], dict[str, Any]]


def autoencoder_of(
    model: str, tensors: Mapping[str, torch.Tensor], class_name: str, configuration: Path, dtype: torch.dtype
) -> Any:
    """The autoencoder in a file, by the configuration of a folder; raises `ModelLoadFailed` for what does not fit."""
    config = json.loads((configuration / "vae" / "config.json").read_bytes())
    own = _own(tensors)
    module: Any = getattr(diffusers, class_name).from_config(config)
    if not own.keys() >= module.state_dict().keys():
        convert = _CONVERSIONS.get(class_name)
        if convert is None:
            why = f"vae: a {class_name} with its authors' names is not read from a file"
            raise ModelLoadFailed(model, why, "give it as a diffusers folder")
        own = convert(own, config)
    expected = module.state_dict()
    missing = sorted(expected.keys() - own.keys())
    if missing or any(own[name].shape != weight.shape for name, weight in expected.items()):
        raise ModelLoadFailed(model, "vae: its weights do not fit the model's configuration", "name another one")
    module.load_state_dict({name: own[name].to(dtype) for name in expected}, assign=True)
    return module.eval()


def _own(tensors: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    start = next((start for start in _STARTS if any(name.startswith(start) for name in tensors)), "")
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def _of_ldm(tensors: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    return convert_ldm_vae_checkpoint(tensors, config)


def _of_flux2(tensors: dict[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Latents are normalised by running statistics, which have the same names in both."""
    statistics = {name: tensor for name, tensor in tensors.items() if name.startswith("bn.")}
    return convert_ldm_vae_checkpoint(tensors, config) | statistics


def _of_compression(tensors: dict[str, Any], _: Mapping[str, Any]) -> dict[str, Any]:
    return convert_autoencoder_dc_checkpoint_to_diffusers(tensors)


def _of_wan(tensors: dict[str, Any], _: Mapping[str, Any]) -> dict[str, Any]:
    return convert_wan_vae_to_diffusers(tensors)


_CONVERSIONS: Mapping[str, Convert] = {
    "AutoencoderKL": _of_ldm,
    "AutoencoderDC": _of_compression,
    "AutoencoderKLFlux2": _of_flux2,
    "AutoencoderKLWan": _of_wan,
    "AutoencoderKLQwenImage": _of_wan,
}
