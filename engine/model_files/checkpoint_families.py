"""The families whose checkpoints of one file are read: how each is known by the names in it. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.model_files.single_file import Tensor

PREFIXES = ("model.diffusion_model.", "diffusion_model.")
"""What ComfyUI puts before a denoiser's names, where a file may hold other parts too."""
_ODD_PREFIXES = ("transformer.", "unet.", "model.", "module.", "_orig_mod.", "net.")
"""What other programs put there: a pipeline's state, wrappers of training, compiled modules. Other files' names begin
so too, so they count only before a name that a family is known by."""
_T5, _CLIP_L, _CLIP_G = "text_encoders.t5xxl.", "text_encoders.clip_l.", "text_encoders.clip_g."
_ANY = "text_encoders."

Names = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class CheckpointFamily:
    """One family."""

    name: str
    """As `single_file.family_named` calls it."""
    denoiser: Literal["unet", "transformer"]
    class_name: str
    """Of diffusers, which the denoiser is read as."""
    pipeline: str
    """Of diffusers, which draws with it unless the base says otherwise."""
    marks: tuple[str, ...] = ()
    """Names of which the family's denoiser has one: in its authors' code, or in diffusers'."""
    base: str = ""
    """The preset whose configuration such files share, where that can be told."""
    encoders: Mapping[str, str] = field(default_factory=dict[str, str])
    """Component -> how the names of its tensors begin in a file that holds all parts."""
    modulation: str = ""
    """What the names have in common of the layers that diffusers counts among norms, as a regular expression."""


_UNET = "UNet2DConditionModel"
_SD1 = CheckpointFamily(
    "sd-1.5",
    "unet",
    _UNET,
    "StableDiffusionPipeline",
    base="sd-1.5",
    encoders={"text_encoder": "cond_stage_model.transformer."},
)
_SD2 = CheckpointFamily(
    "sd-2", "unet", _UNET, "StableDiffusionPipeline", encoders={"text_encoder": "cond_stage_model.model."}
)
_SDXL = CheckpointFamily(
    "sdxl",
    "unet",
    _UNET,
    "StableDiffusionXLPipeline",
    base="sdxl",
    encoders={
        "text_encoder": "conditioner.embedders.0.transformer.",
        "text_encoder_2": "conditioner.embedders.1.model.",
    },
)
_REFINER = CheckpointFamily(
    "sdxl-refiner",
    "unet",
    _UNET,
    "StableDiffusionXLImg2ImgPipeline",
    encoders={"text_encoder_2": "conditioner.embedders.0.model."},
)
_BY_ENCODER = {
    "conditioner.embedders.1.model.": _SDXL,
    "conditioner.embedders.0.model.": _REFINER,
    "cond_stage_model.transformer.": _SD1,
    "cond_stage_model.model.": _SD2,
}
_FIRST_LAYERS = ("input_blocks.0.0.weight", "conv_in.weight")
"""A UNet's first convolution: (width, channels of its input, 3, 3)."""
_POOLED = ("label_emb.0.0.weight", "add_embedding.linear_1.weight")
"""Layers for sizes and pooled words, which only SDXL's UNets have."""
_WIDTHS = {768: _SD1, 1024: _SD2}
"""Features of a token that a UNet without such layers is given."""

_TRANSFORMERS = (
    CheckpointFamily(
        "qwen-image",
        "transformer",
        "QwenImageTransformer2DModel",
        "QwenImagePipeline",
        ("transformer_blocks.0.img_mod.1.weight",),
        "qwen-image",
        {"text_encoder": _ANY},
    ),
    CheckpointFamily(
        "flux2",
        "transformer",
        "Flux2Transformer2DModel",
        "Flux2Pipeline",
        ("single_stream_modulation.lin.weight", "single_stream_modulation.linear.weight"),
        encoders={"text_encoder": _ANY},
    ),
    CheckpointFamily(
        "chroma",
        "transformer",
        "ChromaTransformer2DModel",
        "ChromaPipeline",
        ("distilled_guidance_layer.in_proj.bias",),
        encoders={"text_encoder": _T5},
    ),
    CheckpointFamily(
        "flux",
        "transformer",
        "FluxTransformer2DModel",
        "FluxPipeline",
        ("double_blocks.0.img_attn.norm.key_norm.scale", "single_transformer_blocks.0.proj_mlp.weight"),
        encoders={"text_encoder": _CLIP_L, "text_encoder_2": _T5},
        modulation=r"_mod\.|modulation\.lin|adaLN",
    ),
    CheckpointFamily(
        "auraflow",
        "transformer",
        "AuraFlowTransformer2DModel",
        "AuraFlowPipeline",
        ("double_layers.0.attn.w2q.weight", "joint_transformer_blocks.0.attn.to_q.weight"),
        encoders={"text_encoder": _ANY},
        modulation=r"\.mod[XC]+\.",
    ),
    CheckpointFamily(
        "sd3",
        "transformer",
        "SD3Transformer2DModel",
        "StableDiffusion3Pipeline",
        ("joint_blocks.0.context_block.adaLN_modulation.1.bias", "transformer_blocks.0.norm1_context.linear.weight"),
        encoders={"text_encoder": _CLIP_L, "text_encoder_2": _CLIP_G, "text_encoder_3": _T5},
        modulation="adaLN",
    ),
    CheckpointFamily(
        "z-image",
        "transformer",
        "ZImageTransformer2DModel",
        "ZImagePipeline",
        ("layers.0.adaLN_modulation.0.weight",),
        "z-image-turbo",
        {"text_encoder": _ANY},
    ),
    CheckpointFamily(
        "lumina2",
        "transformer",
        "Lumina2Transformer2DModel",
        "Lumina2Pipeline",
        ("cap_embedder.0.weight", "time_caption_embed.caption_embedder.0.weight"),
        encoders={"text_encoder": _ANY},
        modulation="adaLN",
    ),
    CheckpointFamily(
        "sana",
        "transformer",
        "SanaTransformer2DModel",
        "SanaPipeline",
        ("blocks.0.mlp.inverted_conv.conv.weight", "transformer_blocks.0.ff.conv_inverted.weight"),
        encoders={"text_encoder": _ANY},
    ),
    CheckpointFamily(
        "hidream",
        "transformer",
        "HiDreamImageTransformer2DModel",
        "HiDreamImagePipeline",
        ("double_stream_blocks.0.block.adaLN_modulation.1.bias",),
    ),
    CheckpointFamily(
        "krea2",
        "transformer",
        "Krea2Transformer2DModel",
        "Krea2Pipeline",
        ("txtfusion.projector.weight", "text_fusion.projector.weight"),
        encoders={"text_encoder": _ANY},
        modulation=r"tmlp\.",
    ),
)
"""Of which the first that fits counts: Z-Image's files have what Lumina's have, and Chroma's what FLUX.1's have."""
_MARKS = (*_FIRST_LAYERS, *(mark for family in _TRANSFORMERS for mark in family.marks))
_KLEIN_WIDTH = 3072
_PRESETS_OF_WIDTH = {("flux2", _KLEIN_WIDTH): "flux2-klein-4b"}
"""(family, features of a position) -> the preset of that size."""
_INPUTS = ("img_in.weight", "x_embedder.weight")


def prefix_of(names: Names) -> str:
    """What stands before the denoiser's names in this file, "" where it holds nothing else."""
    known = next((prefix for prefix in PREFIXES if any(name.startswith(prefix) for name in names)), "")
    if known or any(mark in names for mark in _MARKS):
        return known
    return next((prefix for prefix in _ODD_PREFIXES if any(prefix + mark in names for mark in _MARKS)), "")


def family_in(names: Names) -> CheckpointFamily | None:
    """Whose checkpoint it is, by the tensors in a file; None for none that is read here."""
    prefix = prefix_of(names)
    for family in _TRANSFORMERS:
        if any(prefix + mark in names for mark in family.marks):
            return family
    for start, family in _BY_ENCODER.items():
        if any(name.startswith(start) for name in names):
            return family
    return None if first_layer(names) is None else _of_unet(names, prefix)


def first_layer(names: Names) -> Tensor | None:
    """The first convolution of the UNet in it, if there is one."""
    prefix = prefix_of(names)
    return next((names[prefix + name] for name in _FIRST_LAYERS if prefix + name in names), None)


def preset_for(family: CheckpointFamily, names: Names) -> str:
    """The preset whose configuration the file shares, "" where that cannot be told."""
    prefix = prefix_of(names)
    first = next((names[prefix + name] for name in _INPUTS if prefix + name in names), None)
    width = first.shape[0] if first and first.shape else 0
    return family.base or _PRESETS_OF_WIDTH.get((family.name, width), "")


def _of_unet(names: Names, prefix: str) -> CheckpointFamily | None:
    if any(prefix + name in names for name in _POOLED):
        return _SDXL
    words = next((tensor for name, tensor in names.items() if name.endswith("attn2.to_k.weight")), None)
    return _WIDTHS.get(words.shape[-1], _SD1) if words and words.shape else None
