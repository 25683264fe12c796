"""Sizes of a single-file model, from the file's header and its base model. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.memory.activations import activations_of
from engine.memory.folder_sizes import config_of, latent_channels, role_of
from engine.memory.model_sizes import ComponentSizes, ModelSizes
from engine.memory.tensor_kinds import Shapes, sorted_elements
from engine.model_files import diffusers_folder
from engine.model_files.checkpoint import Checkpoint, packed_bytes, read_checkpoint, read_header
from engine.model_files.diffusers_folder import ModelFolder
from engine.model_files.single_file import Header

_AUTOENCODERS = ("first_stage_model.", "vae.")


def file_sizes(path: Path, folder: Path | None, base: ModelSizes | None) -> ModelSizes | None:
    """The sizes; None where they cannot be told. Raises `ModelLoadFailed` for damaged files.

    `folder` has the base's configuration, where it is here; `base` is what is known of its weights' sizes, maybe not
    of all of them.
    """
    header, checkpoint = read_header(path), read_checkpoint(path)
    known = {each.name: each for each in base.components} if base else {}
    if folder is not None:
        found = diffusers_folder.read(folder)
        unknown = sorted(checkpoint.components & found.components.keys() - known.keys())
        known |= {name: _component(header, checkpoint, name, folder, found) for name in unknown}
    denoiser = known.get(checkpoint.family.denoiser)
    if denoiser is None:
        return None
    if checkpoint.is_gguf:
        known[denoiser.name] = replace(denoiser, stored="gguf", packed=packed_bytes(header))
    return ModelSizes(tuple(known.values()))


def _component(header: Header, checkpoint: Checkpoint, name: str, folder: Path, found: ModelFolder) -> ComponentSizes:
    library, class_name = found.components[name]
    role = role_of(name, library)
    configs: Mapping[str, Mapping[str, Any]] = {each: config_of(folder, each) for each in found.components}
    outside, blocks = sorted_elements(_shapes(header, checkpoint, name), role)
    activations = activations_of(role, configs[name], found.vae_scale_factor, latent_channels(configs))
    return ComponentSizes(name, role, class_name, outside, blocks, activations)


def _shapes(header: Header, checkpoint: Checkpoint, name: str) -> Shapes:
    """The shapes of a component's tensors; layers that diffusers counts among norms are called so."""
    family, starts = checkpoint.family, _AUTOENCODERS
    if name == family.denoiser:
        starts = (checkpoint.prefix,)
    elif name in family.encoders:
        starts = (family.encoders[name],)
    own = {key: tensor.shape for key, tensor in header.tensors.items() if key.startswith(starts)}
    if name != family.denoiser or not family.modulation:
        return own
    return {re.sub(family.modulation, r"\g<0>norm.", key): shape for key, shape in own.items()}
