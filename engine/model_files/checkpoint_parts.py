"""The modules whose weights a single-file checkpoint holds."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers.loaders.single_file_utils import create_diffusers_clip_model_from_ldm
from torch import nn

from engine.errors import ModelLoadFailed
from engine.model_files.autoencoder_file import autoencoder_of
from engine.model_files.checkpoint import Checkpoint
from engine.model_files.checkpoint_tensors import Tensors, denoiser_tensors, read_tensors, unpacked
from engine.model_files.diffusers_folder import REMEDY, ModelFolder
from engine.model_files.lacking_weights import lacking

_library: Any = diffusers
_CLIPS = ("cond_stage_model.", "conditioner.")
_INSIDE = ".transformer."
"""Where ComfyUI puts an encoder's tensors: "text_encoders.t5xxl.transformer.shared.weight"."""


def read_parts(
    model: str,
    path: Path,
    checkpoint: Checkpoint,
    configuration: Path,
    found: ModelFolder,
    dtypes: Mapping[str, torch.dtype],
    quantization: Mapping[str, Any],
) -> dict[str, Any]:
    """Component -> module, of those that the file holds and the pipeline takes; `found` is the configuration's index.

    `dtypes` are the formats to compute in, "default" for components that are not named; `quantization` has the
    libraries' configurations of those that are quantised while they are read. Raises `ModelLoadFailed`.
    """
    tensors = read_tensors(path, checkpoint, dtypes["default"])
    made: dict[str, Any] = {}
    for name in sorted(checkpoint.components & found.components.keys()):
        dtype, class_name = dtypes.get(name, dtypes["default"]), found.components[name][1]
        if name == checkpoint.family.denoiser:
            made[name] = _denoiser(tensors, checkpoint, class_name, configuration, dtype, quantization.get(name))
        elif name == "vae":
            made[name] = _autoencoder(model, path, tensors, class_name, configuration, dtype)
        else:
            start = checkpoint.family.encoders[name]
            made[name], words = _encoder(tensors, start, name, class_name, configuration, dtype)
            if words:
                raise ModelLoadFailed(model, f"in {path.name}, its {name} {words}", REMEDY)
        _prove_complete(model, path, name, made[name])
    return made


def _denoiser(
    tensors: Tensors, checkpoint: Checkpoint, class_name: str, configuration: Path, dtype: torch.dtype, chosen: Any
) -> Any:
    if checkpoint.is_gguf:
        chosen = _library.GGUFQuantizationConfig(compute_dtype=dtype)
    module = getattr(diffusers, class_name).from_single_file(
        denoiser_tensors(tensors, checkpoint),
        config=str(configuration),
        subfolder=checkpoint.family.denoiser,
        dtype=dtype,
        local_files_only=True,
        **({} if chosen is None else {"quantization_config": chosen}),
    )
    if checkpoint.is_gguf:
        _widen_the_rest(module, dtype)
    return module


def _autoencoder(
    model: str, path: Path, tensors: Tensors, class_name: str, configuration: Path, dtype: torch.dtype
) -> Any:
    try:
        return autoencoder_of(model, tensors, class_name, configuration, dtype)
    except ModelLoadFailed as error:
        raise ModelLoadFailed(
            model, f"in {path.name}, {error.why}", "get the whole file, or name another vae"
        ) from error


def _widen_the_rest(module: nn.Module, dtype: torch.dtype) -> None:
    """Unpack what no layer unpacks as it runs: only the weights of diffusers' GGUF layers are computed with packed."""
    utils: Any = importlib.import_module("diffusers.quantizers.gguf.utils")
    for owner in module.modules():
        for name, weight in list(owner.named_parameters(recurse=False)):
            is_read = isinstance(owner, utils.GGUFLinear) and name == "weight"
            if isinstance(weight, utils.GGUFParameter) and not is_read:
                owner.register_parameter(name, nn.Parameter(unpacked(weight, dtype), requires_grad=False))


def _encoder(
    tensors: Tensors, start: str, name: str, class_name: str, configuration: Path, dtype: torch.dtype
) -> tuple[Any, str]:
    """(the encoder, what it lacks); of CLIP's, what is lacking stays on the meta device."""
    own = {key: tensor for key, tensor in tensors.items() if key.startswith(start)}
    if start.startswith(_CLIPS) or "WithProjection" in class_name:
        clip: Any = create_diffusers_clip_model_from_ldm(
            getattr(transformers, class_name),
            checkpoint=own,
            subfolder=name,
            config=str(configuration),
            torch_dtype=dtype,
            local_files_only=True,
        )
        return clip, ""
    return encoder_of(
        {key.partition(_INSIDE)[2]: tensor for key, tensor in own.items()}, class_name, configuration / name, dtype
    )


def encoder_of(tensors: Tensors, class_name: str, configuration: Path, dtype: torch.dtype) -> tuple[Any, str]:
    """(a text encoder of tensors that have transformers' names, what they lack in words or "")."""
    cls: Any = getattr(transformers, class_name)
    config = cls.config_class.from_pretrained(str(configuration), local_files_only=True)
    module, said = cls.from_pretrained(None, config=config, state_dict=tensors, dtype=dtype, output_loading_info=True)
    return module.eval(), lacking(module, said, but_for_its_head=True)


def _prove_complete(model: str, path: Path, name: str, module: nn.Module) -> None:
    if any(weight.is_meta for weight in module.parameters()):
        raise ModelLoadFailed(model, f"{path.name} lacks weights of its {name}", REMEDY)
