"""Random models of middling size, about a tenth of a published one: weights and passes are both worth counting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import diffusers
import transformers
from diffusers import EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler

from tests.engine.families import parts


def _vae(latent_channels: int, **config: Any) -> diffusers.AutoencoderKL:
    return diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(32, 64, 128, 128),
        layers_per_block=2,
        latent_channels=latent_channels,
        **config,
    )


def _clip(cls: Any, hidden: int, layers: int) -> Any:
    words = parts.clip_tokenizer()
    return cls(
        transformers.CLIPTextConfig(
            vocab_size=len(words),
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
            hidden_size=hidden,
            intermediate_size=4 * hidden,
            num_hidden_layers=layers,
            num_attention_heads=hidden // 64,
            projection_dim=hidden,
        )
    )


def _t5(hidden: int = 512, layers: int = 8) -> Any:
    sizes = {"d_model": hidden, "d_kv": 64, "d_ff": 5 * hidden // 2, "num_layers": layers, "num_heads": hidden // 64}
    return transformers.T5EncoderModel(
        transformers.T5Config(vocab_size=32128, feed_forward_proj="gated-gelu", is_encoder_decoder=False, **sizes)
    )


def _qwen3(cls: Any, layers: int = 12) -> Any:
    return cls(transformers.Qwen3Config(**_qwen(layers)))


def _qwen(layers: int) -> dict[str, Any]:
    return parts.qwen_sizes(512, layers) | {
        "vocab_size": 32000,
        "intermediate_size": 1536,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "head_dim": 64,
    }


def _unet(**config: Any) -> Any:
    return diffusers.UNet2DConditionModel(**config)


def stable_diffusion() -> Any:
    return diffusers.StableDiffusionPipeline(
        vae=_vae(4),
        text_encoder=_clip(transformers.CLIPTextModel, 384, 12),
        tokenizer=parts.clip_tokenizer(),
        unet=_unet(
            sample_size=64, cross_attention_dim=384, attention_head_dim=8, block_out_channels=(128, 256, 512, 512)
        ),
        scheduler=EulerDiscreteScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def stable_diffusion_xl() -> Any:
    return diffusers.StableDiffusionXLPipeline(
        vae=_vae(4, force_upcast=False),
        text_encoder=_clip(transformers.CLIPTextModel, 256, 12),
        text_encoder_2=_clip(transformers.CLIPTextModelWithProjection, 512, 16),
        tokenizer=parts.clip_tokenizer(),
        tokenizer_2=parts.clip_tokenizer(),
        unet=_unet(
            sample_size=64,
            block_out_channels=(128, 256, 512),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2, 10),
            attention_head_dim=(2, 4, 8),
            cross_attention_dim=768,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=64,
            projection_class_embeddings_input_dim=6 * 64 + 512,
        ),
        scheduler=EulerDiscreteScheduler(),
        add_watermarker=False,
    )


def stable_diffusion_3() -> Any:
    return diffusers.StableDiffusion3Pipeline(
        transformer=diffusers.SD3Transformer2DModel(
            sample_size=64,
            in_channels=16,
            num_layers=8,
            attention_head_dim=64,
            num_attention_heads=12,
            caption_projection_dim=768,
            joint_attention_dim=512,
            pooled_projection_dim=512,
            pos_embed_max_size=96,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=_vae(16, shift_factor=0.06, scaling_factor=1.5),
        text_encoder=_clip(transformers.CLIPTextModelWithProjection, 256, 12),
        text_encoder_2=_clip(transformers.CLIPTextModelWithProjection, 256, 12),
        text_encoder_3=_t5(),
        tokenizer=parts.clip_tokenizer(),
        tokenizer_2=parts.clip_tokenizer(),
        tokenizer_3=parts.t5_tokenizer(),
    )


def flux() -> Any:
    return diffusers.FluxPipeline(
        transformer=diffusers.FluxTransformer2DModel(
            num_layers=4,
            num_single_layers=8,
            num_attention_heads=6,
            joint_attention_dim=512,
            pooled_projection_dim=384,
            guidance_embeds=True,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=_vae(16, shift_factor=0.06, scaling_factor=1.5),
        text_encoder=_clip(transformers.CLIPTextModel, 384, 12),
        tokenizer=parts.clip_tokenizer(),
        text_encoder_2=_t5(),
        tokenizer_2=parts.t5_tokenizer(),
    )


def flux2_klein() -> Any:
    return diffusers.Flux2KleinPipeline(
        transformer=diffusers.Flux2Transformer2DModel(
            num_layers=3,
            num_single_layers=8,
            num_attention_heads=6,
            joint_attention_dim=3 * 512,
            guidance_embeds=False,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=diffusers.AutoencoderKLFlux2(block_out_channels=(32, 64, 128, 128)),
        text_encoder=_qwen3(transformers.Qwen3ForCausalLM, 28),
        tokenizer=parts.qwen_tokenizer(),
    )


def z_image() -> Any:
    return diffusers.ZImagePipeline(
        transformer=diffusers.ZImageTransformer2DModel(dim=768, n_layers=12, n_heads=6, n_kv_heads=6, cap_feat_dim=512),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=_vae(16, shift_factor=0.12, scaling_factor=0.36),
        text_encoder=_qwen3(transformers.Qwen3Model),
        tokenizer=parts.qwen_tokenizer(),
    )


MODELS: Mapping[str, Callable[[], Any]] = {
    "stable-diffusion": stable_diffusion,
    "stable-diffusion-xl": stable_diffusion_xl,
    "stable-diffusion-3": stable_diffusion_3,
    "flux": flux,
    "flux2-klein": flux2_klein,
    "z-image": z_image,
}
