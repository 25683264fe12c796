"""Writes a Stable Diffusion folder's weights as one file with the names of the original code, as people share them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_EDGES = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_OPEN_CLIP = (
    (r"^text_model\.encoder\.layers\.", "transformer.resblocks."),
    (r"self_attn\.", "attn."),
    ("layer_norm1", "ln_1"),
    ("layer_norm2", "ln_2"),
    (r"mlp\.fc1", "mlp.c_fc"),
    (r"mlp\.fc2", "mlp.c_proj"),
    (r"^text_model\.embeddings\.position_embedding\.weight", "positional_embedding"),
    (r"^text_model\.embeddings\.token_embedding", "token_embedding"),
    (r"^text_model\.final_layer_norm", "ln_final"),
    (r"^text_projection\.weight", "text_projection"),
)
_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def write_checkpoint(folder: Path, file: Path) -> None:
    """One layer to a block, as the tiny folders have."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    tensors = _unet_and_autoencoder(pipeline, folder)
    for key, value in pipeline.text_encoder.state_dict().items():
        tensors[f"cond_stage_model.transformer.text_model.{key.removeprefix('text_model.')}"] = value
    _save(tensors, file)


def write_xl_checkpoint(folder: Path, file: Path) -> None:
    """The same for Stable Diffusion XL, whose second text encoder has OpenCLIP's names."""
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder)
    tensors = _unet_and_autoencoder(pipeline, folder)
    for key, value in pipeline.text_encoder.state_dict().items():
        tensors[f"conditioner.embedders.0.transformer.text_model.{key.removeprefix('text_model.')}"] = value
    for key, value in _open_clip(pipeline.text_encoder_2.state_dict()).items():
        tensors[f"conditioner.embedders.1.model.{key}"] = value
    _save(tensors, file)


def write_sd2_checkpoint(folder: Path, file: Path) -> None:
    """The same for Stable Diffusion 2, whose text encoder is OpenCLIP's, with a projection that nobody uses."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    tensors = _unet_and_autoencoder(pipeline, folder)
    words = {
        f"text_model.{key.removeprefix('text_model.')}": v for key, v in pipeline.text_encoder.state_dict().items()
    }
    beside = {"text_projection": torch.ones(16, 16), "logit_scale": torch.ones(())}
    tensors |= {f"cond_stage_model.model.{key}": value for key, value in (_open_clip(words) | beside).items()}
    _save(tensors, file)


def write_refiner_checkpoint(folder: Path, file: Path) -> None:
    """The same for SDXL's refiner, whose only text encoder is the larger one."""
    pipeline = StableDiffusionXLImg2ImgPipeline.from_pretrained(folder)
    tensors = _unet_and_autoencoder(pipeline, folder)
    for key, value in _open_clip(pipeline.text_encoder_2.state_dict()).items():
        tensors[f"conditioner.embedders.0.model.{key}"] = value
    _save(tensors, file)


def original_autoencoder(folder: Path) -> dict[str, torch.Tensor]:
    """The autoencoder of a folder with the names of the original code."""
    (weights,) = (folder / "vae").glob("*.safetensors")
    state = load_file(weights)
    blocks = len({key.split(".")[2] for key in state if key.startswith("decoder.up_blocks")})
    found: dict[str, torch.Tensor] = {}
    for key, value in state.items():
        name = _vae(key, blocks)
        is_projection = re.search(r"attn_1\.(q|k|v|proj_out)\.weight", name)
        found[name] = value[:, :, None, None] if is_projection else value
    return found


def _unet_and_autoencoder(pipeline: Any, folder: Path) -> dict[str, torch.Tensor]:
    unet = pipeline.unet.state_dict().items()
    tensors = {f"model.diffusion_model.{_unet(key, pipeline.unet)}": value for key, value in unet}
    return tensors | {f"first_stage_model.{key}": value for key, value in original_autoencoder(folder).items()}


def _open_clip(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Queries, keys and values in one; the projection turned round."""
    found: dict[str, torch.Tensor] = {}
    for key, value in state.items():
        if ".q_proj." in key:
            whole = torch.cat([state[key.replace(".q_proj.", f".{letter}_proj.")] for letter in "qkv"])
            found[re.sub(r"\.self_attn\.q_proj\.(weight|bias)", r".attn.in_proj_\1", key)] = whole
        elif not re.search(r"\.[kv]_proj\.", key):
            found[key] = value.T if key == "text_projection.weight" else value
    for ours, theirs in _OPEN_CLIP:
        found = {re.sub(ours, theirs, key): value for key, value in found.items()}
    return found


def _save(tensors: Mapping[str, torch.Tensor], file: Path) -> None:
    save_file({name: value.clone().contiguous() for name, value in tensors.items()}, file)


def _renamed(key: str, names: dict[str, str]) -> str:
    for ours, theirs in names.items():
        if key.startswith(ours + "."):
            return theirs + key.removeprefix(ours)
    return key


def _unet(key: str, unet: torch.nn.Module) -> str:
    if not (found := re.match(r"(down|up|mid)_block(?:s\.(\d+))?\.(\w+)\.(\d+)\.(.+)", key)):
        return _renamed(key, _EDGES)
    side, block, kind, layer, rest = found.group(1), int(found.group(2) or 0), *found.groups()[2:4], found.group(5)
    rest = _renamed(rest, _RESNET) if kind == "resnets" else rest
    if side == "mid":
        return f"middle_block.{2 * int(layer) if kind == 'resnets' else 1}.{rest}"
    if kind == "downsamplers":
        return f"input_blocks.{2 * block + 2}.0.op.{rest.removeprefix('conv.')}"
    if side == "down":
        return f"input_blocks.{1 + 2 * block + int(layer)}.{int(kind == 'attentions')}.{rest}"
    if kind == "upsamplers":
        has_attention = hasattr(unet.up_blocks[block], "attentions")
        return f"output_blocks.{2 * block + 1}.{1 + has_attention}.{rest}"
    return f"output_blocks.{2 * block + int(layer)}.{int(kind == 'attentions')}.{rest}"


def _vae(key: str, blocks: int) -> str:
    key = key.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    key = re.sub(r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found.group(1)) + 1}", key)
    key = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", key)
    key = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", key)
    key = re.sub(r"up_blocks\.(\d)\.", lambda found: f"up.{blocks - 1 - int(found.group(1))}.", key)
    key = key.replace(".resnets.", ".block.").replace("upsamplers.0", "upsample")
    if ".attentions.0." in key:
        before, after = key.split(".attentions.0.")
        key = f"{before.replace('mid_block', 'mid')}.attn_1.{_renamed(after, _ATTENTION)}"
    return key
