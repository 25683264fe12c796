"""Families that are proved as single files only: HiDream, Krea 2, Stable Diffusion 2, and SDXL's refiner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from diffusers import (
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    HiDreamImagePipeline,
    HiDreamImageTransformer2DModel,
    Krea2Pipeline,
    Krea2Transformer2DModel,
    StableDiffusionPipeline,
)
from transformers import LlamaConfig, LlamaForCausalLM, Qwen3VLConfig, Qwen3VLModel

from tests.engine.families import parts, strangers, unets


def hidream() -> HiDreamImagePipeline:
    """HiDream: experts, and a Llama beside T5 and two CLIPs."""
    return HiDreamImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=parts.kl_autoencoder(shift_factor=0.12, scaling_factor=0.36),
        text_encoder=parts.clip_text_with_projection(),
        tokenizer=parts.clip_tokenizer(),
        text_encoder_2=parts.clip_text_with_projection(),
        tokenizer_2=parts.clip_tokenizer(),
        text_encoder_3=parts.t5(),
        tokenizer_3=parts.t5_tokenizer(),
        text_encoder_4=LlamaForCausalLM(LlamaConfig(**parts.qwen_sizes())),
        tokenizer_4=parts.qwen_tokenizer(),
        transformer=HiDreamImageTransformer2DModel(
            patch_size=2,
            in_channels=4,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            caption_channels=[16, 16],
            text_emb_dim=32,
            num_routed_experts=2,
            num_activated_experts=1,
            axes_dims_rope=(4, 2, 2),
            max_resolution=(16, 16),
            llama_layers=[0, 1],
        ),
    )


def krea2() -> Krea2Pipeline:
    """Krea 2: one stream, conditioned on several layers of Qwen3-VL."""
    rope = {"mrope_section": [1, 1, 2], "rope_type": "default", "rope_theta": 1e6}
    vision = {
        "depth": 1,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_heads": 2,
        "out_hidden_size": 16,
        "deepstack_visual_indexes": [0],
    }
    text = parts.qwen_sizes() | {"rope_scaling": rope}
    return Krea2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=parts.qwen_autoencoder(),
        text_encoder=Qwen3VLModel(Qwen3VLConfig(text_config=text, vision_config=vision)),
        tokenizer=parts.qwen_tokenizer(),
        transformer=Krea2Transformer2DModel(
            in_channels=16,
            num_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            num_key_value_heads=1,
            intermediate_size=32,
            timestep_embed_dim=16,
            text_hidden_dim=16,
            num_text_layers=2,
            text_num_attention_heads=2,
            text_num_key_value_heads=2,
            text_intermediate_size=32,
            num_layerwise_text_blocks=1,
            num_refiner_text_blocks=1,
            axes_dims_rope=(8, 4, 4),
        ),
        text_encoder_select_layers=(1, 2),
    )


def stable_diffusion_2() -> StableDiffusionPipeline:
    """Stable Diffusion 2.1 for 768 pixels, which predicts v."""
    scheduler = DDIMScheduler(
        **unets.BETAS, prediction_type="v_prediction", steps_offset=1, clip_sample=False, set_alpha_to_one=False
    )
    unet = unets.unet(use_linear_projection=True, attention_head_dim=(2, 4))
    return StableDiffusionPipeline(**strangers.classic(unet=unet, scheduler=scheduler))


RARER: Mapping[str, Callable[[], Any]] = {
    "hidream": hidream,
    "krea2": krea2,
    "stable-diffusion-2": stable_diffusion_2,
    "refiner": strangers.refiner,
}
