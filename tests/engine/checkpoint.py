"""Writes a Stable Diffusion folder's weights as one file with the names of the original code, as people share them."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

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
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def write_checkpoint(folder: Path, file: Path) -> None:
    """One layer to a block, as the tiny folders have."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    blocks = len(pipeline.vae.config.block_out_channels)
    tensors = {
        f"model.diffusion_model.{_unet(key, pipeline.unet)}": value for key, value in pipeline.unet.state_dict().items()
    }
    for key, value in pipeline.vae.state_dict().items():
        name = _vae(key, blocks)
        is_projection = re.search(r"attn_1\.(q|k|v|proj_out)\.weight", name)
        tensors[f"first_stage_model.{name}"] = value[:, :, None, None] if is_projection else value
    for key, value in pipeline.text_encoder.state_dict().items():
        tensors[f"cond_stage_model.transformer.text_model.{key.removeprefix('text_model.')}"] = value
    save_file(
        {name: value.clone().contiguous() for name, value in tensors.items() if isinstance(value, torch.Tensor)}, file
    )


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
