"""Families that were made to edit pictures by words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy
import torch
from diffusers import (
    AutoencoderKLWan,
    BriaFiboEditPipeline,
    BriaFiboTransformer2DModel,
    DiffusionPipeline,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinKVPipeline,
    FluxKontextPipeline,
    StableDiffusionXLInstructPix2PixPipeline,
)
from transformers import SmolLM3Config, SmolLM3ForCausalLM

from engine.loading.pipeline_classes import accepted
from engine.model_spec import ModelSpec
from engine.pictures.images import open_picture
from engine.requests import Edit, ImageRequest
from tests.engine.families import dits, parts, strangers, unets

SIDE = 64


def kontext() -> FluxKontextPipeline:
    """FLUX.1 Kontext: the picture's tokens stand behind those of the noise."""
    return FluxKontextPipeline(**dits.flux().components)


def xl_pix2pix() -> StableDiffusionXLInstructPix2PixPipeline:
    """InstructPix2Pix of SDXL: the picture's latents are further channels of the noise."""
    known = unets.stable_diffusion_xl().components
    unet = unets.unet(
        in_channels=8,
        transformer_layers_per_block=(1, 2),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        cross_attention_dim=32,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 16,
    )
    names = ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2")
    shared = {name: known[name] for name in names}
    scheduler = EulerDiscreteScheduler(**unets.BETAS)
    return StableDiffusionXLInstructPix2PixPipeline(
        **shared, unet=unet, scheduler=scheduler, add_watermarker=False, force_zeros_for_empty_prompt=True
    )


def klein_with_kept_keys() -> Flux2KleinKVPipeline:
    """FLUX.2 klein KV: what attention made of the pictures in the first step is kept for the others."""
    return Flux2KleinKVPipeline(**dits.flux2_klein().components)


def fibo_edit() -> BriaFiboEditPipeline:
    """FIBO-Edit: instructions in JSON, text features for each block."""
    sizes = parts.qwen_sizes() | {"vocab_size": 128_001, "head_dim": 8}
    return BriaFiboEditPipeline(
        transformer=BriaFiboTransformer2DModel(
            in_channels=4,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            axes_dims_rope=[4, 4, 8],
            text_encoder_dim=16,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=AutoencoderKLWan(
            base_dim=8,
            decoder_base_dim=8,
            z_dim=4,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            temperal_downsample=[False, True, True],
            latents_mean=[0.1] * 4,
            latents_std=[1.5] * 4,
            is_residual=True,
            in_channels=12,
            out_channels=12,
            patch_size=2,
            scale_factor_spatial=16,
        ),
        text_encoder=SmolLM3ForCausalLM(SmolLM3Config(**sizes, pad_token_id=0)),
        tokenizer=parts.qwen_tokenizer(),
    )


EDITORS: Mapping[str, Callable[[], DiffusionPipeline]] = {
    draw.__name__: draw
    for draw in (
        kontext,
        dits.flux2_klein,
        strangers.pix2pix,
        xl_pix2pix,
        klein_with_kept_keys,
        fibo_edit,
    )
}


def stock(folder: Path, request: ImageRequest, spec: ModelSpec) -> list[numpy.ndarray]:
    """Each cell alone, by diffusers alone, as bytes."""
    assert spec.references is not None
    names = ("prompt", "width", "height", "num_inference_steps")
    asked: dict[str, Any] = {name: getattr(request, name) for name in names}
    asked |= {spec.guidance_parameter: request.guidance_scale, "max_area": SIDE * SIDE, "_auto_resize": False}
    if spec.guidance_parameter == "true_cfg_scale":
        asked["negative_prompt"] = " "
    if isinstance(request, Edit):
        pictures = [open_picture(picture) for picture in (request.image, *request.references)]
        asked[spec.references.parameter] = pictures if spec.references.is_list else pictures[0]
        asked["prompt"] = spec.references.words(request.prompt, len(pictures))
    cells: list[numpy.ndarray] = []
    for seed in request.cell_seeds:
        pipeline = DiffusionPipeline.from_pretrained(folder)
        pipeline.set_progress_bar_config(disable=True)
        chosen = {name: value for name, value in asked.items() if name in accepted(pipeline)}
        made = pipeline(**chosen, generator=torch.Generator().manual_seed(seed), output_type="np")
        picture = made.images[0] if hasattr(made, "images") else made.image[0]
        cells.append((numpy.asarray(picture)[..., :3].clip(0, 1) * 255).round())
    return cells
