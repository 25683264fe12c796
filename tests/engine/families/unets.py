"""Families whose denoiser is a UNet."""

from __future__ import annotations

from typing import Any

from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    EulerDiscreteScheduler,
    IFPipeline,
    KandinskyV22CombinedPipeline,
    KandinskyV22InpaintCombinedPipeline,
    LatentConsistencyModelPipeline,
    LCMScheduler,
    PNDMScheduler,
    PriorTransformer,
    StableDiffusionPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
    UnCLIPScheduler,
    UNet2DConditionModel,
    VQModel,
)
from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModelWithProjection

from tests.engine.families import parts

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def unet(**config: Any) -> UNet2DConditionModel:
    """Two levels, one of them with cross-attention."""
    defaults = {
        "sample_size": 8,
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "norm_num_groups": 4,
        "cross_attention_dim": 16,
        "attention_head_dim": 2,
    }
    return UNet2DConditionModel(**(defaults | config))


def stable_diffusion() -> StableDiffusionPipeline:
    """Stable Diffusion 1.x."""
    return StableDiffusionPipeline(
        vae=parts.kl_autoencoder(),
        text_encoder=parts.clip_text(),
        tokenizer=parts.clip_tokenizer(),
        unet=unet(),
        scheduler=PNDMScheduler(**BETAS, skip_prk_steps=True, steps_offset=1, set_alpha_to_one=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def latent_consistency() -> LatentConsistencyModelPipeline:
    """Latent consistency: guidance enters as an embedding, few steps."""
    return LatentConsistencyModelPipeline(
        vae=parts.kl_autoencoder(),
        text_encoder=parts.clip_text(),
        tokenizer=parts.clip_tokenizer(),
        unet=unet(time_cond_proj_dim=16),
        scheduler=LCMScheduler(**BETAS),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _xl_unet(**config: Any) -> UNet2DConditionModel:
    return unet(
        cross_attention_dim=32,
        transformer_layers_per_block=(1, 2),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 16,
        **config,
    )


def _xl_parts(**config: Any) -> dict[str, Any]:
    return {
        "vae": parts.kl_autoencoder(),
        "text_encoder": parts.clip_text(),
        "text_encoder_2": parts.clip_text_with_projection(),
        "tokenizer": parts.clip_tokenizer(),
        "tokenizer_2": parts.clip_tokenizer(),
        "unet": _xl_unet(**config),
        "scheduler": EulerDiscreteScheduler(**BETAS, steps_offset=1, timestep_spacing="leading"),
        "add_watermarker": False,
    }


def stable_diffusion_xl() -> StableDiffusionXLPipeline:
    """Stable Diffusion XL: two text encoders, sizes as an embedding."""
    return StableDiffusionXLPipeline(**_xl_parts())


def stable_diffusion_xl_inpaint() -> StableDiffusionXLInpaintPipeline:
    """The nine-channel SDXL that was trained to inpaint."""
    return StableDiffusionXLInpaintPipeline(**_xl_parts(in_channels=9))


def _kandinsky_unet(in_channels: int) -> UNet2DConditionModel:
    return unet(
        in_channels=in_channels,
        out_channels=8,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        addition_embed_type="image",
        encoder_hid_dim=16,
        encoder_hid_dim_type="image_proj",
        attention_head_dim=4,
        resnet_time_scale_shift="scale_shift",
    )


def _movq() -> VQModel:
    return VQModel(
        block_out_channels=(32,) * 4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=2,
        norm_type="spatial",
        num_vq_embeddings=12,
        vq_embed_dim=4,
    )


def _clip_vision() -> CLIPVisionModelWithProjection:
    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=16,
            projection_dim=16,
            intermediate_size=32,
            num_attention_heads=2,
            num_hidden_layers=1,
            image_size=32,
            patch_size=16,
        )
    )


def _kandinsky_parts(in_channels: int) -> dict[str, Any]:
    sample = {"variance_type": "fixed_small_log", "prediction_type": "sample", "clip_sample_range": 10.0}
    linear = {"beta_schedule": "linear", "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
    return {
        "unet": _kandinsky_unet(in_channels),
        "scheduler": DDIMScheduler(beta_start=0.00085, beta_end=0.012, **linear),
        "movq": _movq(),
        "prior_prior": PriorTransformer(num_attention_heads=2, attention_head_dim=8, embedding_dim=16, num_layers=1),
        "prior_image_encoder": _clip_vision(),
        "prior_text_encoder": parts.clip_text_with_projection(),
        "prior_tokenizer": parts.clip_tokenizer(),
        "prior_scheduler": UnCLIPScheduler(**sample),
        "prior_image_processor": CLIPImageProcessorPil(size=32, crop_size=32),
    }


def kandinsky() -> KandinskyV22CombinedPipeline:
    """Kandinsky 2.2: a prior draws an image embedding, a decoder draws the picture."""
    return KandinskyV22CombinedPipeline(**_kandinsky_parts(4))


def kandinsky_inpaint() -> KandinskyV22InpaintCombinedPipeline:
    """Kandinsky 2.2 with the nine-channel decoder that was trained to inpaint."""
    return KandinskyV22InpaintCombinedPipeline(**_kandinsky_parts(9))


def deepfloyd() -> IFPipeline:
    """DeepFloyd IF, first stage: draws pixels, predicts variances."""
    return IFPipeline(
        tokenizer=parts.t5_tokenizer(77),
        text_encoder=parts.t5(),
        unet=unet(
            sample_size=16,
            in_channels=3,
            out_channels=6,
            down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
            up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
            mid_block_type="UNetMidBlock2DSimpleCrossAttn",
            encoder_hid_dim=16,
            attention_head_dim=8,
            addition_embed_type="text",
            addition_embed_type_num_heads=2,
            cross_attention_norm="group_norm",
            cross_attention_dim=32,
            resnet_time_scale_shift="scale_shift",
            act_fn="gelu",
        ),
        scheduler=DDPMScheduler(
            beta_schedule="squaredcos_cap_v2",
            thresholding=True,
            dynamic_thresholding_ratio=0.95,
            sample_max_value=1.0,
            variance_type="learned_range",
        ),
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    )
