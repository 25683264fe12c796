"""Sizes of a diffusers folder's components, from headers and configurations alone. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from engine.memory.activations import activations_of
from engine.memory.elements import Storage
from engine.memory.model_sizes import ComponentSizes, ModelSizes, Role
from engine.memory.tensor_kinds import sorted_elements
from engine.model_files.diffusers_folder import ModelFolder, read_json
from engine.model_files.single_file import header_of
from engine.model_files.weight_files import Weights

_AUTOENCODERS = frozenset({"vae", "movq", "vqvae", "vqgan"})
_SAVED: Mapping[str, Storage] = {"torchao": "int8", "quanto": "int8", "bitsandbytes": "nf4", "gguf": "nf4"}
"""diffusers' name of a quantization method -> the precision that takes about as much."""


def folder_sizes(folder: Path, found: ModelFolder) -> ModelSizes:
    """The sizes of a folder's components that have weights; raises `ModelLoadFailed` for a damaged one."""
    configs: Mapping[str, Mapping[str, Any]] = {name: config_of(folder, name) for name in found.components}
    edge, channels = found.vae_scale_factor, latent_channels(configs)
    components = [
        _component(folder, name, *found.components[name], weights, configs[name], edge, channels)
        for name, weights in found.weights.items()
    ]
    return ModelSizes(tuple(components))


def role_of(name: str, library: str) -> Role:
    """The role of a component, by its name and the library of its class."""
    if name in _AUTOENCODERS:
        return "autoencoder"
    return "encoder" if library == "transformers" else "denoiser"


def _component(
    folder: Path,
    name: str,
    library: str,
    class_name: str,
    weights: Weights,
    config: Mapping[str, Any],
    edge: int,
    channels: int,
) -> ComponentSizes:
    role = role_of(name, library)
    headers = [header_of(folder / name / file) for file in weights.files]
    shapes = {key: tensor.shape for header in headers for key, tensor in header.tensors.items()}
    outside, blocks = sorted_elements(shapes, role)
    activations = activations_of(role, config, edge, channels)
    return ComponentSizes(name, role, class_name, outside, blocks, activations, _stored(config))


def _stored(config: Mapping[str, Any]) -> Storage | None:
    said = config.get("quantization_config")
    if isinstance(said, dict):
        method = str(cast("dict[str, Any]", said).get("quant_method", ""))
        for mark, storage in _SAVED.items():
            if method.startswith(mark):
                return storage
        return "int8"
    return None


def config_of(folder: Path, name: str) -> dict[str, Any]:
    """A component's configuration, {} where it has none."""
    return read_json(folder, f"{name}/config.json") if (folder / name / "config.json").is_file() else {}


def latent_channels(configs: Mapping[str, Mapping[str, Any]]) -> int:
    """Channels of a model's latents, by the configuration of its autoencoder."""
    config = next((config for name, config in configs.items() if name in _AUTOENCODERS), cast("Mapping[str, Any]", {}))
    found = config.get("latent_channels") or config.get("z_dim")
    return found if isinstance(found, int) else 4
