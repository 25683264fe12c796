"""Families nobody prepared the engine for: each does something that no family in `FAMILIES` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from diffusers import (
    AmusedPipeline,
    AmusedScheduler,
    BriaPipeline,
    BriaTransformer2DModel,
    CogVideoXDDIMScheduler,
    CogView3PlusPipeline,
    CogView3PlusTransformer2DModel,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    FluxAutoBlocks,
    GlmImagePipeline,
    GlmImageTransformer2DModel,
    Ideogram4Pipeline,
    Ideogram4Transformer2DModel,
    LDMTextToImagePipeline,
    ModularPipeline,
    ModularPipelineBlocks,
    OvisImagePipeline,
    OvisImageTransformer2DModel,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPAGPipeline,
    StableDiffusionPanoramaPipeline,
    StableDiffusionPipeline,
    StableDiffusionSAGPipeline,
    StableDiffusionXLAutoBlocks,
    StableDiffusionXLImg2ImgPipeline,
    UNet2DModel,
    UVit2DModel,
    VQModel,
)
from transformers import (
    ByT5Tokenizer,
    GlmImageConfig,
    GlmImageForConditionalGeneration,
    GlmImageImageProcessorPil,
    GlmImageProcessor,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3Model,
    Qwen3VLConfig,
    Qwen3VLModel,
    T5Config,
    T5EncoderModel,
)

from tests.engine.families import dits, parts, unets


def classic(**other: object) -> dict[str, object]:
    """The parts of a Stable Diffusion 1, with `other` ones in their places."""
    return {
        "vae": parts.kl_autoencoder(),
        "text_encoder": parts.clip_text(),
        "tokenizer": parts.clip_tokenizer(),
        "unet": unets.unet(),
        "scheduler": DDIMScheduler(**unets.BETAS, clip_sample=False),
        "safety_checker": None,
        "feature_extractor": None,
        "requires_safety_checker": False,
        **other,
    }


def velocity() -> StableDiffusionPipeline:
    """Stable Diffusion 2: predicts v, betas without signal at the end."""
    v = {"prediction_type": "v_prediction", "timestep_spacing": "trailing", "rescale_betas_zero_snr": True}
    scheduler = DDIMScheduler(**unets.BETAS, clip_sample=False, **v)
    return StableDiffusionPipeline(**classic(scheduler=scheduler))


def perturbed_attention() -> StableDiffusionPAGPipeline:
    """Exchanges the UNet's attention processors while it draws; others ask for the same UNet meanwhile."""
    return StableDiffusionPAGPipeline(**classic())


def self_attention() -> StableDiffusionSAGPipeline:
    """Stores attention in the UNet's processors, and hooks into one of its blocks, while it draws."""
    return StableDiffusionSAGPipeline(**classic())


def panorama() -> StableDiffusionPanoramaPipeline:
    """No longer maintained: gives the cells of a grid one another's prompts."""
    return StableDiffusionPanoramaPipeline(**classic())


def pix2pix() -> StableDiffusionInstructPix2PixPipeline:
    """Edits a picture by words; cannot begin without one."""
    return StableDiffusionInstructPix2PixPipeline(**classic(unet=unets.unet(in_channels=8)))


def refiner() -> StableDiffusionXLImg2ImgPipeline:
    """SDXL's refiner: one text encoder, embeddings of an aesthetic score, no drawing from words."""
    unet = unets.unet(
        transformer_layers_per_block=(1, 2),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=5 * 8 + 16,
    )
    known = {**unets.stable_diffusion_xl().components, "unet": unet, "text_encoder": None, "tokenizer": None}
    return StableDiffusionXLImg2ImgPipeline(**known, requires_aesthetics_score=True, add_watermarker=False)


def latent_diffusion() -> LDMTextToImagePipeline:
    """The first latent diffusion model: its parts have other names."""
    return LDMTextToImagePipeline(
        vqvae=parts.kl_autoencoder(),
        bert=parts.clip_text(),
        tokenizer=parts.clip_tokenizer(),
        unet=unets.unet(),
        scheduler=DDIMScheduler(**unets.BETAS, clip_sample=False),
    )


def amused() -> AmusedPipeline:
    """No diffusion of numbers but of tokens; cannot take a generator for each cell."""
    return AmusedPipeline(
        vqvae=VQModel(
            block_out_channels=[8, 8, 8, 8],
            down_block_types=["DownEncoderBlock2D"] * 4,
            up_block_types=["UpDecoderBlock2D"] * 4,
            latent_channels=8,
            norm_num_groups=2,
            num_vq_embeddings=32,
            sample_size=8,
            mid_block_add_attention=False,
            lookup_from_codebook=True,
        ),
        tokenizer=parts.clip_tokenizer(),
        text_encoder=parts.clip_text_with_projection(),
        transformer=UVit2DModel(
            hidden_size=16,
            cond_embed_dim=16,
            micro_cond_encode_dim=2,
            micro_cond_embed_dim=10,
            encoder_hidden_size=16,
            vocab_size=32,
            codebook_size=32,
            in_channels=16,
            block_out_channels=16,
            num_res_blocks=1,
            downsample=True,
            upsample=True,
            block_num_heads=1,
            num_hidden_layers=1,
            num_attention_heads=1,
            intermediate_size=16,
        ),
        scheduler=AmusedScheduler(mask_token_id=31),
    )


def cogview3() -> CogView3PlusPipeline:
    """CogView 3: a video model's noise scheduler."""
    return CogView3PlusPipeline(
        transformer=CogView3PlusTransformer2DModel(
            patch_size=2,
            in_channels=4,
            num_layers=1,
            attention_head_dim=4,
            num_attention_heads=2,
            out_channels=4,
            text_embed_dim=16,
            time_embed_dim=8,
            condition_dim=2,
            pos_embed_max_size=16,
            sample_size=8,
        ),
        vae=parts.kl_autoencoder(),
        scheduler=CogVideoXDDIMScheduler(prediction_type="v_prediction"),
        text_encoder=parts.t5(),
        tokenizer=parts.t5_tokenizer(),
    )


def bria() -> BriaPipeline:
    """Bria: T5 without a pooled embedding."""
    return BriaPipeline(
        transformer=BriaTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=16,
            pooled_projection_dim=None,
            axes_dims_rope=[0, 4, 4],
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=parts.kl_autoencoder(shift_factor=0.0, scaling_factor=0.13),
        text_encoder=parts.t5(),
        tokenizer=parts.t5_tokenizer(),
    )


def ovis() -> OvisImagePipeline:
    """Ovis-Image: a chat model as text encoder."""
    return OvisImagePipeline(
        transformer=OvisImageTransformer2DModel(
            patch_size=1,
            in_channels=16,
            out_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            axes_dims_rope=(4, 4, 8),
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=parts.kl_autoencoder(shift_factor=0.06, scaling_factor=1.5),
        text_encoder=Qwen3Model(Qwen3Config(**parts.qwen_sizes())),
        tokenizer=parts.qwen_tokenizer(),
    )


def ideogram() -> Ideogram4Pipeline:
    """Ideogram 4: two denoisers in turn, guidance by a schedule, features from many depths of a chat model."""
    rope = {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 1e6, "mrope_interleaved": True}
    text = parts.qwen_sizes(layers=36) | {"rope_parameters": rope}
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}
    vision = {"depth": 1, "num_position_embeddings": 16, "deepstack_visual_indexes": [0], **sizes}
    first, second = (
        Ideogram4Transformer2DModel(
            in_channels=16,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            intermediate_size=32,
            adaln_dim=8,
            llm_features_dim=13 * 16,
            mrope_section=(4, 2, 2),
        )
        for _ in range(2)
    )
    return Ideogram4Pipeline(
        transformer=first,
        unconditional_transformer=second,
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=dits.flux2_autoencoder(),
        text_encoder=Qwen3VLModel(Qwen3VLConfig(text_config=text, vision_config=vision)),
        tokenizer=parts.qwen_tokenizer(typed=True),
    )


def glm_image() -> GlmImagePipeline:
    """GLM-Image: a language model writes the picture's tokens first, for all cells from the seed of one."""
    words = ["<|endoftext|>", "<|image|>", "<|start|>", "<|end|>", "<|begin|>", *parts.LETTERS]
    marks = {"image_token": "<|image|>", "grid_bos_token": "<|start|>", "grid_eos_token": "<|end|>"}
    chat = "{% for message in messages %}{{ message['content'][0]['text'] }}{% endfor %}"
    vocabulary = {word: i for i, word in enumerate(words)}
    tokenizer = Qwen2Tokenizer(vocab=vocabulary, merges=[], extra_special_tokens=marks, bos_token="<|begin|>")
    rope = {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 1e4, "partial_rotary_factor": 1.0}
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
    text = {"num_hidden_layers": 1, "num_key_value_heads": 2, "pad_token_id": 0, "eos_token_id": None, **sizes}
    config = GlmImageConfig(
        text_config={"vocab_size": len(words), "vision_vocab_size": 40, "rope_parameters": rope, **text},
        vision_config={"depth": 1, "hidden_size": 16, "num_heads": 2, "image_size": 64, "patch_size": 8},
        vq_config={"embed_dim": 16, "num_embeddings": 32, "latent_channels": 16},
        image_token_id=1,
        image_start_token_id=34,
        image_end_token_id=35,
    )
    letters = {"vocab_size": 384, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    return GlmImagePipeline(
        tokenizer=ByT5Tokenizer(),
        processor=GlmImageProcessor(GlmImageImageProcessorPil(patch_size=8), tokenizer, chat_template=chat),
        text_encoder=T5EncoderModel(T5Config(**letters)),
        vision_language_encoder=GlmImageForConditionalGeneration(config),
        vae=parts.kl_autoencoder(latents_mean=[0.1] * 4, latents_std=[1.5] * 4),
        transformer=GlmImageTransformer2DModel(
            in_channels=4,
            out_channels=4,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            text_embed_dim=16,
            time_embed_dim=16,
            condition_dim=8,
            prior_vq_quantizer_codebook_size=40,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, time_shift_type="linear"),
    )


def _of_blocks(blocks: ModularPipelineBlocks, known: Mapping[str, object]) -> ModularPipeline:
    pipeline = blocks.init_pipeline()
    pipeline.update_components(**{name: known[name] for name in pipeline.component_names if name in known})
    return pipeline


def flux_modular() -> ModularPipeline:
    """FLUX.1 as a Modular pipeline, which exists as a classic one too."""
    return _of_blocks(FluxAutoBlocks(), dits.flux().components)


def xl_modular() -> ModularPipeline:
    """SDXL as a Modular pipeline: gives the cells of a grid one another's masked pictures."""
    return _of_blocks(StableDiffusionXLAutoBlocks(), unets.stable_diffusion_xl().components)


def without_words() -> DDPMPipeline:
    """Draws whatever it was trained on, and hears no prompt."""
    unet = UNet2DModel(
        sample_size=8,
        block_out_channels=(4, 8),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    return DDPMPipeline(unet=unet, scheduler=DDPMScheduler())


STRANGERS: Mapping[str, Callable[[], DiffusionPipeline]] = {
    draw.__name__: draw
    for draw in (
        velocity,
        perturbed_attention,
        self_attention,
        panorama,
        latent_diffusion,
        amused,
        cogview3,
        bria,
        ovis,
        ideogram,
        flux_modular,
    )
}
"""What draws from words."""


def save(draw: Callable[[], DiffusionPipeline], folder: Path) -> Path:
    """Draw a family, every weight from a fixed seed, and write its folder."""
    parts.drawn(draw).save_pretrained(str(folder), safe_serialization=True)
    return folder
