"""Families whose denoiser is a transformer."""

from __future__ import annotations

from diffusers import (
    AutoencoderKLFlux2,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    FluxPipeline,
    FluxTransformer2DModel,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from transformers import Qwen3Config, Qwen3ForCausalLM, Qwen3Model

from tests.engine.families import parts


def stable_diffusion_3() -> StableDiffusion3Pipeline:
    """Stable Diffusion 3: three text encoders, joint attention."""
    return StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=8,
            patch_size=2,
            in_channels=16,
            out_channels=16,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            caption_projection_dim=16,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            pos_embed_max_size=24,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=parts.kl_autoencoder(16, shift_factor=0.06, scaling_factor=1.5),
        text_encoder=parts.clip_text_with_projection(),
        text_encoder_2=parts.clip_text_with_projection(),
        text_encoder_3=parts.t5(32),
        tokenizer=parts.clip_tokenizer(),
        tokenizer_2=parts.clip_tokenizer(),
        tokenizer_3=parts.t5_tokenizer(),
    )


def flux() -> FluxPipeline:
    """FLUX.1 dev: packed latents, guidance as an embedding, resolution-dependent shift."""
    return FluxPipeline(
        transformer=FluxTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            pooled_projection_dim=16,
            guidance_embeds=True,
            axes_dims_rope=(4, 4, 8),
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=parts.kl_autoencoder(shift_factor=0.06, scaling_factor=1.5),
        text_encoder=parts.clip_text(),
        tokenizer=parts.clip_tokenizer(),
        text_encoder_2=parts.t5(),
        tokenizer_2=parts.t5_tokenizer(),
    )


def flux2_autoencoder() -> AutoencoderKLFlux2:
    """The autoencoder of FLUX.2, which others took over: its latents are normalised in patches."""
    return AutoencoderKLFlux2(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 8, 8),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=2,
        sample_size=64,
    )


def flux2_klein() -> Flux2KleinPipeline:
    """FLUX.2 klein: text features from three depths of Qwen 3, references as extra tokens."""
    return Flux2KleinPipeline(
        transformer=Flux2Transformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=24,
            timestep_guidance_channels=16,
            axes_dims_rope=(4, 4, 4, 4),
            guidance_embeds=False,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=flux2_autoencoder(),
        text_encoder=Qwen3ForCausalLM(Qwen3Config(**parts.qwen_sizes(hidden=8, layers=28))),
        tokenizer=parts.qwen_tokenizer(),
    )


def z_image() -> ZImagePipeline:
    """Z-Image: takes lists, so that one forward may hold several sizes."""
    return ZImagePipeline(
        transformer=ZImageTransformer2DModel(
            all_patch_size=(2,),
            all_f_patch_size=(1,),
            in_channels=4,
            dim=32,
            n_layers=2,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=16,
            axes_dims=[8, 4, 4],
            axes_lens=[1024, 64, 64],
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=parts.kl_autoencoder(shift_factor=0.12, scaling_factor=0.36),
        text_encoder=Qwen3Model(Qwen3Config(**parts.qwen_sizes())),
        tokenizer=parts.qwen_tokenizer(),
    )


def qwen_image() -> QwenImagePipeline:
    """Qwen-Image: prompts of any length with a mask, true classifier-free guidance in two calls."""
    return QwenImagePipeline(
        transformer=QwenImageTransformer2DModel(
            patch_size=2,
            in_channels=16,
            out_channels=4,
            num_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            axes_dims_rope=(8, 4, 4),
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=parts.qwen_autoencoder(),
        text_encoder=parts.qwen_vl(),
        tokenizer=parts.qwen_tokenizer(),
    )
