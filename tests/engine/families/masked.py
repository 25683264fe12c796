"""Families whose transformer sees prompts of any length through a mask, or pads them to a multiple."""

from __future__ import annotations

import inspect

from diffusers import (
    AdaptiveProjectedMixGuidance,
    AuraFlowPipeline,
    AuraFlowTransformer2DModel,
    AutoencoderDC,
    AutoencoderKLHunyuanImage,
    ChromaPipeline,
    ChromaTransformer2DModel,
    CogView4Pipeline,
    CogView4Transformer2DModel,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    HunyuanDiT2DModel,
    HunyuanDiTPipeline,
    HunyuanImagePipeline,
    HunyuanImageTransformer2DModel,
    Lumina2Pipeline,
    Lumina2Transformer2DModel,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
    SanaPipeline,
    SanaTransformer2DModel,
)
from transformers import ByT5Tokenizer

from tests.engine.families import parts


def sana() -> SanaPipeline:
    """Sana: linear attention, a deep-compression autoencoder.

    Before every prompt it says its long instruction: a line of that is one token here, or texts would cost most.
    """
    instruction = inspect.signature(SanaPipeline.__call__).parameters["complex_human_instruction"].default
    tokenizer = parts.gemma_tokenizer()
    tokenizer.add_tokens(instruction)
    return SanaPipeline(
        transformer=SanaTransformer2DModel(
            patch_size=1,
            in_channels=4,
            out_channels=4,
            num_layers=2,
            num_attention_heads=2,
            attention_head_dim=8,
            num_cross_attention_heads=2,
            cross_attention_head_dim=8,
            cross_attention_dim=16,
            caption_channels=16,
            sample_size=16,  # from 256 pixels on, sizes are taken from a table of 1024
        ),
        vae=AutoencoderDC(
            latent_channels=4,
            attention_head_dim=4,
            encoder_block_types=("ResBlock",) * 3 + ("EfficientViTBlock",),
            decoder_block_types=("ResBlock",) * 3 + ("EfficientViTBlock",),
            encoder_block_out_channels=(8, 8, 8, 8),
            decoder_block_out_channels=(8, 8, 8, 8),
            encoder_qkv_multiscales=((), (), (), (5,)),
            decoder_qkv_multiscales=((), (), (), (5,)),
            encoder_layers_per_block=(1, 1, 1, 1),
            decoder_layers_per_block=(1, 1, 1, 1),
            downsample_block_type="conv",
            upsample_block_type="interpolate",
            scaling_factor=0.41,
        ),
        scheduler=DPMSolverMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0, solver_order=2
        ),
        text_encoder=parts.gemma(more_words=len(instruction)),
        tokenizer=tokenizer,
    )


def pixart_sigma() -> PixArtSigmaPipeline:
    """PixArt-Σ: cross-attention to T5 with a mask."""
    return PixArtSigmaPipeline(
        transformer=PixArtTransformer2DModel(
            sample_size=32,
            num_layers=2,
            patch_size=2,
            attention_head_dim=8,
            num_attention_heads=2,
            caption_channels=16,
            in_channels=4,
            out_channels=8,
            cross_attention_dim=16,
        ),
        vae=parts.kl_autoencoder(),
        scheduler=DPMSolverMultistepScheduler(beta_schedule="linear", algorithm_type="sde-dpmsolver++"),
        text_encoder=parts.t5(),
        tokenizer=parts.t5_tokenizer(),
    )


def lumina2() -> Lumina2Pipeline:
    """Lumina-Image 2: prompt and picture in one sequence."""
    return Lumina2Pipeline(
        transformer=Lumina2Transformer2DModel(
            sample_size=8,
            patch_size=2,
            in_channels=4,
            hidden_size=16,
            num_layers=2,
            num_refiner_layers=1,
            num_attention_heads=1,
            num_kv_heads=1,
            multiple_of=16,
            axes_dim_rope=(8, 4, 4),
            axes_lens=(512, 64, 64),
            cap_feat_dim=16,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=6.0),
        vae=parts.kl_autoencoder(shift_factor=0.06, scaling_factor=1.5),
        text_encoder=parts.gemma(),
        tokenizer=parts.gemma_tokenizer(),
    )


def chroma() -> ChromaPipeline:
    """Chroma: Flux without pooled text, with an attention mask, guided in two calls."""
    return ChromaPipeline(
        transformer=ChromaTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            axes_dims_rope=(4, 4, 8),
            approximator_hidden_dim=32,
            approximator_layers=1,
            approximator_num_channels=16,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=parts.kl_autoencoder(shift_factor=0.06, scaling_factor=1.5),
        text_encoder=parts.t5(),
        tokenizer=parts.t5_tokenizer(),
    )


def aura_flow() -> AuraFlowPipeline:
    """AuraFlow: prompts padded to a fixed length, no mask in the transformer."""
    return AuraFlowPipeline(
        transformer=AuraFlowTransformer2DModel(
            sample_size=32,
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_mmdit_layers=1,
            num_single_dit_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            caption_projection_dim=16,
            joint_attention_dim=16,
            pos_embed_max_size=256,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.73),
        vae=parts.kl_autoencoder(),
        text_encoder=parts.umt5(),
        tokenizer=parts.t5_tokenizer(),
    )


def cogview4() -> CogView4Pipeline:
    """CogView 4: prompts padded to multiples of sixteen; its mask does not mask."""
    return CogView4Pipeline(
        transformer=CogView4Transformer2DModel(
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            text_embed_dim=16,
            time_embed_dim=16,
            condition_dim=8,
            rope_axes_dim=(64, 64),
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(
            base_shift=0.25, max_shift=0.75, use_dynamic_shifting=True, time_shift_type="linear"
        ),
        vae=parts.kl_autoencoder(),
        text_encoder=parts.glm(),
        tokenizer=parts.qwen_tokenizer(),
    )


def hunyuan_dit() -> HunyuanDiTPipeline:
    """Hunyuan-DiT: BERT and T5, rotary embeddings passed as an argument."""
    return HunyuanDiTPipeline(
        transformer=HunyuanDiT2DModel(
            sample_size=8,
            num_layers=2,
            patch_size=2,
            attention_head_dim=8,
            num_attention_heads=2,
            in_channels=4,
            cross_attention_dim=16,
            cross_attention_dim_t5=16,
            pooled_projection_dim=16,
            hidden_size=16,
            activation_fn="gelu-approximate",
            text_len=77,
            text_len_t5=256,
        ),
        scheduler=DDPMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.02),
        vae=parts.kl_autoencoder(),
        text_encoder=parts.bert(),
        tokenizer=parts.bert_tokenizer(),
        text_encoder_2=parts.t5(),
        tokenizer_2=parts.t5_tokenizer(256),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def hunyuan_image() -> HunyuanImagePipeline:
    """HunyuanImage 2.1: two text encoders, a guider that decides how often the transformer runs."""
    return HunyuanImagePipeline(
        transformer=HunyuanImageTransformer2DModel(
            in_channels=4,
            out_channels=4,
            num_attention_heads=2,
            attention_head_dim=8,
            num_layers=1,
            num_single_layers=1,
            num_refiner_layers=1,
            patch_size=(1, 1),
            text_embed_dim=16,
            text_embed_2_dim=16,
            rope_axes_dim=(4, 4),
        ),
        vae=AutoencoderKLHunyuanImage(
            in_channels=3,
            out_channels=3,
            latent_channels=4,
            block_out_channels=(32, 32, 32, 32),
            layers_per_block=1,
            scaling_factor=0.48,
            spatial_compression_ratio=8,
            sample_size=64,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=5.0),
        guider=AdaptiveProjectedMixGuidance(adaptive_projected_guidance_start_step=2),
        ocr_guider=AdaptiveProjectedMixGuidance(adaptive_projected_guidance_start_step=3),
        text_encoder=parts.qwen_vl(),
        tokenizer=parts.qwen_tokenizer(),
        text_encoder_2=parts.t5(),
        tokenizer_2=ByT5Tokenizer(),
    )
