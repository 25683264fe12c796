"""Files that are no checkpoint of a family that is read: what they are, and the way out. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from engine.errors import ModelLoadFailed
from engine.model_files.checkpoint_families import prefix_of
from engine.model_files.gguf_file import SUFFIX
from engine.model_files.single_file import Tensor

AS_FOLDER = "give the model as a diffusers folder instead"
_PART = re.compile(r"-\d{5}-of-(\d{5})$")
"""How the stem of a file ends that holds one part of a model's weights."""
_OTHERS = {
    "lora_": ("it is a LoRA", "put it into the folder of LoRAs"),
    ".lora_": ("it is a LoRA", "put it into the folder of LoRAs"),
    "control_model.": ("it is a ControlNet, which draws nothing by itself", "name an image model"),
    "decoder.conv_in.": ("it is an autoencoder only", "name it as `vae` of a model"),
    "model.layers.0.self_attn.": ("it is a language model, which draws no pictures", "name an image model"),
    "encoder.block.0.layer.": ("it is a text encoder only", "name an image model"),
    "head.modulation": ("it is a video model (Wan), which draws no single pictures", "name an image model"),
    "patchify_proj.": ("it is a video model (LTX), which draws no single pictures", "name an image model"),
    "txt_in.individual_token_refiner.": (
        "it is a video model (HunyuanVideo), which draws no single pictures",
        "name an image model",
    ),
    "control_": ("it is a control network, which draws nothing by itself", "name it under controls of a model"),
    "early_stream_modulations.": ("it is a FLUX.3, which is not read from one file", AS_FOLDER),
    "txt_in.text_norm.": ("it is a Qwen-Image-2.1, which is not read from one file", AS_FOLDER),
    "clip_txt_mapper.": ("it is a Stable Cascade, which is not read from one file", AS_FOLDER),
    "net.x_embedder.": ("it is a Cosmos, which is not read from one file", AS_FOLDER),
}
"""How names of tensors in other files begin, or what they hold -> (what it is, the way out)."""


def prove_whole(path: Path) -> None:
    """Raises `ModelLoadFailed` for a file that by its name holds one part of a model's weights."""
    if part := _PART.search(path.stem):
        join = (
            "join them: llama-gguf-split --merge" if path.suffix == SUFFIX else "name the folder that holds all of them"
        )
        raise ModelLoadFailed(path.stem, f"{path.name} is one of {int(part[1])} parts of a model", join)


def what_else(tensors: Mapping[str, Tensor]) -> tuple[str, str]:
    """(why it is refused, the way out), of a file of no family that is read."""
    prefix = prefix_of(tensors)
    names = [name.removeprefix(prefix) for name in tensors]
    for mark, said in _OTHERS.items():
        if any(name.startswith(mark) or (mark.startswith(".") and mark in name) for name in names):
            return said
    return "it is no checkpoint of a family that is read from one file", AS_FOLDER
