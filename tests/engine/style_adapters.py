"""IP-Adapter files of random weights, which fit a tiny model, with their image encoders beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline
from diffusers.loaders.ip_adapter import SD3IPAdapterMixin
from diffusers.models.attention_processor import SD3IPAdapterJointAttnProcessor2_0
from diffusers.models.embeddings import IPAdapterTimeImageProjection
from safetensors.torch import save_file
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    SiglipImageProcessor,
    SiglipVisionConfig,
    SiglipVisionModel,
)

SEEN = 12
"""Dimensions of a tiny image encoder's embedding."""
_SIZES = {
    "hidden_size": SEEN, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 30,
    "patch_size": 15,
}  # fmt: skip


def save_adapter(model: Path, folder: Path, encoder: str = "image_encoder") -> Path:
    """Random IP-Adapter weights that fit the denoiser of `model`, with their image encoder in the folder `encoder`."""
    torch.manual_seed(3)
    pipeline = DiffusionPipeline.from_pretrained(model)
    folder.mkdir(parents=True, exist_ok=True)
    is_sd3 = isinstance(pipeline, SD3IPAdapterMixin)
    state = _of_sd3(pipeline) if is_sd3 else _of_unet(pipeline) if hasattr(pipeline, "unet") else _of_flux(pipeline)
    save_file(state, folder / "adapter.safetensors")
    if is_sd3:
        SiglipVisionModel(SiglipVisionConfig(**_SIZES)).save_pretrained(folder / encoder)
        SiglipImageProcessor(size={"height": 30, "width": 30}).save_pretrained(folder / encoder)
    else:
        CLIPVisionModelWithProjection(CLIPVisionConfig(**_SIZES, projection_dim=SEEN)).save_pretrained(folder / encoder)
    return folder / "adapter.safetensors"


def load_adapter(pipeline: Any, adapter: Path) -> None:
    """Have a stock pipeline load what `save_adapter` wrote, the image encoder beside it included."""
    encoder = adapter.parent / "image_encoder"
    if isinstance(pipeline, SD3IPAdapterMixin):
        seeing: Any = SiglipVisionModel.from_pretrained(encoder)
        pipeline.register_modules(feature_extractor=SiglipImageProcessor.from_pretrained(encoder))
    else:
        seeing = CLIPVisionModelWithProjection.from_pretrained(encoder)
    pipeline.register_modules(image_encoder=seeing)
    pipeline.load_ip_adapter(str(adapter.parent), subfolder="", weight_name=adapter.name)


def _projection(across: int) -> dict[str, torch.Tensor]:
    return {
        "image_proj.proj.weight": torch.randn(4 * across, SEEN),
        "image_proj.proj.bias": torch.randn(4 * across),
        "image_proj.norm.weight": torch.ones(across),
        "image_proj.norm.bias": torch.zeros(across),
    }


def _of_unet(pipeline: Any) -> dict[str, torch.Tensor]:
    unet = pipeline.unet
    across = unet.config.cross_attention_dim
    state = _projection(across)
    crossing = [name for name in unet.attn_processors if not name.endswith("attn1.processor")]
    for index, name in enumerate(crossing):
        inner = unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape[0]
        for part in ("to_k_ip", "to_v_ip"):
            state[f"ip_adapter.{2 * index + 1}.{part}.weight"] = torch.randn(inner, across)
    return state


def _of_flux(pipeline: Any) -> dict[str, torch.Tensor]:
    transformer = pipeline.transformer
    across = transformer.config.joint_attention_dim
    state = _projection(across)
    for index in range(transformer.config.num_layers):
        for part in ("k", "v"):
            name = f"double_blocks.{index}.processor.ip_adapter_double_stream_{part}_proj"
            state[f"{name}.weight"] = torch.randn(transformer.inner_dim, across)
            state[f"{name}.bias"] = torch.randn(transformer.inner_dim)
    return state


def _of_sd3(pipeline: Any) -> dict[str, torch.Tensor]:
    transformer = pipeline.transformer
    config = transformer.config
    inner = config.attention_head_dim * config.num_attention_heads
    projection = IPAdapterTimeImageProjection(
        embed_dim=SEEN, output_dim=inner, hidden_dim=64, depth=4, dim_head=64, heads=1, num_queries=4, timestep_in_dim=8
    )
    state = {f"image_proj.{_as_trained(name)}": tensor for name, tensor in projection.state_dict().items()}
    for index in range(len(transformer.attn_processors)):
        layer = SD3IPAdapterJointAttnProcessor2_0(inner, inner, config.attention_head_dim, timesteps_emb_dim=64)
        state |= {f"ip_adapter.{index}.{name}": tensor for name, tensor in layer.state_dict().items()}
    return {name: tensor.detach().clone() for name, tensor in state.items()}


def _as_trained(name: str) -> str:
    """The key of a published file for one of diffusers' own."""
    pairs = {
        ".ln0": ".0.norm1", ".ln1": ".0.norm2", ".attn.to_q": ".0.to_q", ".attn.to_kv": ".0.to_kv",
        ".attn.to_out.0": ".0.to_out", ".adaln_norm": ".1.0", ".ff.net.0.proj": ".1.1", ".ff.net.2": ".1.3",
        ".adaln_proj": ".2.1",
    }  # fmt: skip
    if not name.startswith("layers."):
        return name
    for ours, theirs in pairs.items():
        name = name.replace(ours, theirs)
    return name
