"""Files that are no checkpoint of a family that is read: what they are, and the way out. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from engine.errors import ModelLoadFailed
from engine.model_files.checkpoint_families import prefix_of
from engine.model_files.diffusers_folder import INDEXES
from engine.model_files.gguf_file import SUFFIX
from engine.model_files.near_folder import around
from engine.model_files.single_file import Tensor

AS_FOLDER = "give the model as a diffusers folder instead"
_PART = re.compile(r"-\d{5}-of-(\d{5})$")
"""How the stem of a file ends that holds one part of a model's weights."""
_ANOTHER = "name an image model"
_LORA = "is a LoRA", "put it into the folder of LoRAs"
_CONTROL = "is a control network, which draws nothing by itself", "name it under controls of a model"
_AUTOENCODER = "is an autoencoder only", "name it as `vae` of a model"
_ENCODER = "is a text encoder only", _ANOTHER
_IMAGES = "is an image encoder only", _ANOTHER
_LANGUAGE = "is a language model, which draws no pictures", _ANOTHER
_UPSCALER = "is an upscaler", "name it as engine.upscaler"
_WORDS = "is a textual inversion", "name it under embeddings of a model"
_STYLE = "is a style adapter (IP-Adapter)", "name it as style_adapter of a model"

_NEVER_A_MODEL = {
    "lora_": _LORA,
    ".lora_": _LORA,
    ".dora_scale": _LORA,
    ".hada_w": _LORA,
    ".lokr_w": _LORA,
    "oft_": _LORA,
    "controlnet_": _CONTROL,
    "image_proj.": _STYLE,
    "ip_adapter.": _STYLE,
    ".motion_modules.": ("adds motion to a model (AnimateDiff), which draws no single pictures", _ANOTHER),
}
"""How names of tensors begin, or what they hold, that are in no checkpoint, though such files have much of what a
family's checkpoints have -> (what the file is, the way out)."""
_OTHERS = {
    "control_model.": ("is a ControlNet, which draws nothing by itself", _ANOTHER),
    "decoder.conv_in.": _AUTOENCODER,
    "decoder.conv1.": _AUTOENCODER,
    "decoder.project_in.": _AUTOENCODER,
    "decoder.layers.": ("is a tiny autoencoder only", "name its folder as taesd of a model"),
    "vision_model.": _IMAGES,
    "embeddings.patch_embedding.": _IMAGES,
    "text_model.": _ENCODER,
    "embeddings.token_embedding.": _ENCODER,
    "transformer.resblocks.": _ENCODER,
    "encoder.block.0.layer.": _ENCODER,
    "visual.": _LANGUAGE,
    "model.layers.0.self_attn.": _LANGUAGE,
    "language_model.": _LANGUAGE,
    "model.language_model.": _LANGUAGE,
    "model.embed_tokens.": _LANGUAGE,
    "embed_tokens.": _LANGUAGE,
    "conv_first.": _UPSCALER,
    "model.1.sub.": _UPSCALER,
    "emb_params": _WORDS,
    "string_to_param": _WORDS,
    "clip_l": _WORDS,
    "head.modulation": ("is a video model (Wan), which draws no single pictures", _ANOTHER),
    "patchify_proj.": ("is a video model (LTX), which draws no single pictures", _ANOTHER),
    "txt_in.individual_token_refiner.": (
        "is a video model (HunyuanVideo), which draws no single pictures",
        _ANOTHER,
    ),
    "control_": _CONTROL,
    "adapter.body.": _CONTROL,
    "early_stream_modulations.": ("is a FLUX.3, which is not read from one file", AS_FOLDER),
    "txt_in.text_norm.": ("is a Qwen-Image-2.1, which is not read from one file", AS_FOLDER),
    "clip_txt_mapper": ("is a Stable Cascade, which is not read from one file", AS_FOLDER),
    "net.x_embedder.": ("is a Cosmos, which is not read from one file", AS_FOLDER),
}
"""The same, where a file is no checkpoint of a family."""


def prove_whole(path: Path) -> None:
    """Raises `ModelLoadFailed` for a file that by its name holds one part of a model's weights."""
    if part := _PART.search(path.stem):
        join = "join them: llama-gguf-split --merge" if path.suffix == SUFFIX else around(path, INDEXES)
        raise ModelLoadFailed(path.stem, f"{path.name} is one of {int(part[1])} parts of a model", join)


def prove_model(path: Path, tensors: Collection[str]) -> None:
    """Raises `ModelLoadFailed` for what only goes with a model, by names that no model has."""
    if said := _first(_NEVER_A_MODEL, tensors):
        raise ModelLoadFailed(path.stem, f"{path.name} {said[0]}", said[1])


def what_else(path: Path, tensors: Mapping[str, Tensor]) -> tuple[str, str]:
    """(why it is refused, the way out), of a file of no family that is read."""
    prefix = prefix_of(tensors)
    said = _first(_OTHERS, [name.removeprefix(prefix) for name in tensors])
    what, remedy = said or ("is no checkpoint of a family that is read from one file", AS_FOLDER)
    return f"{path.name} {what}", remedy


def _first(known: Mapping[str, tuple[str, str]], names: Collection[str]) -> tuple[str, str] | None:
    return next((said for mark, said in known.items() if any(_has(name, mark) for name in names)), None)


def _has(name: str, mark: str) -> bool:
    return name.startswith(mark) or (mark.startswith(".") and mark in name)
