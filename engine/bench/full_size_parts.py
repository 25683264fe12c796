"""Components of known repositories at full size, as their configurations have them, and one pass of each.

Called on the meta device: nothing is allocated or computed.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import diffusers
import torch
import transformers

from engine.memory.model_sizes import TEXT_TOKENS, Role


@dataclass(frozen=True)
class Part:
    """One component: how it is built, and one pass of one row for a square picture of a side in pixels."""

    role: Role
    build: Callable[[], torch.nn.Module]
    run: Callable[[Any, int], object]
    edge: int
    """Side in pixels of one position; 0 where positions are words."""
    tokens: int = 0
    """Words that go along."""


_library: Any = diffusers
_empty = torch.empty


def _unet(**config: Any) -> Callable[[], torch.nn.Module]:
    return lambda: _library.UNet2DConditionModel(**config)


def _autoencoder(latent_channels: int, **config: Any) -> Part:
    def build() -> torch.nn.Module:
        return _library.AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            latent_channels=latent_channels,
            **config,
        )

    return Part("autoencoder", build, lambda vae, side: vae.decode(_empty(1, latent_channels, side // 8, side // 8)), 1)


def _clip(cls: Any, hidden: int, layers: int, heads: int) -> Part:
    config = transformers.CLIPTextConfig(
        vocab_size=49408,
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        projection_dim=hidden,
    )
    return Part(
        "encoder", lambda: cls(config), lambda encoder, _: encoder(_words(77), output_hidden_states=True), 0, 77
    )


def _language(cls: Any, config: Any) -> Part:
    return Part(
        "encoder",
        lambda: cls(config),
        lambda encoder, _: encoder(_words(TEXT_TOKENS), output_hidden_states=True),
        0,
        TEXT_TOKENS,
    )


def _words(tokens: int) -> torch.Tensor:
    return torch.zeros(1, tokens, dtype=torch.long)


def _qwen3() -> Any:
    return transformers.Qwen3Config(
        vocab_size=151936,
        hidden_size=2560,
        intermediate_size=9728,
        num_hidden_layers=36,
        num_attention_heads=32,
        num_key_value_heads=8,
        head_dim=128,
        tie_word_embeddings=True,
    )


def _qwen_vl() -> Any:
    text = {
        "vocab_size": 152064,
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
    }
    vision = {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": 3584}
    return transformers.Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=False)


def _t5() -> Any:
    sizes: dict[str, Any] = {
        "vocab_size": 32128,
        "d_model": 4096,
        "d_kv": 64,
        "d_ff": 10240,
        "num_layers": 24,
        "num_heads": 64,
    }
    return transformers.T5Config(**sizes, feed_forward_proj="gated-gelu", is_encoder_decoder=False)


def _xl(unet: Any, side: int) -> object:
    more = {"text_embeds": _empty(1, 1280), "time_ids": _empty(1, 6)}
    return unet(_empty(1, 4, side // 8, side // 8), _empty(1), _empty(1, 77, 2048), added_cond_kwargs=more)


def _flux(transformer: Any, side: int) -> object:
    tokens = (side // 16) ** 2
    return transformer(
        hidden_states=_empty(1, tokens, 64),
        encoder_hidden_states=_empty(1, TEXT_TOKENS, 4096),
        pooled_projections=_empty(1, 768),
        timestep=_empty(1),
        img_ids=_empty(tokens, 3),
        txt_ids=_empty(TEXT_TOKENS, 3),
    )


def _chroma(transformer: Any, side: int) -> object:
    tokens = (side // 16) ** 2
    return transformer(
        hidden_states=_empty(1, tokens, 64),
        encoder_hidden_states=_empty(1, TEXT_TOKENS, 4096),
        timestep=_empty(1),
        img_ids=_empty(tokens, 3),
        txt_ids=_empty(TEXT_TOKENS, 3),
    )


def _flux2(transformer: Any, side: int) -> object:
    tokens = (side // 16) ** 2
    return transformer(
        hidden_states=_empty(1, tokens, 128),
        encoder_hidden_states=_empty(1, TEXT_TOKENS, 7680),
        timestep=_empty(1),
        img_ids=_empty(1, tokens, 4),
        txt_ids=_empty(1, TEXT_TOKENS, 4),
    )


def _z_image(transformer: Any, side: int) -> object:
    return transformer([_empty(16, 1, side // 8, side // 8)], _empty(1), [_empty(TEXT_TOKENS, 2560)])


def _qwen(transformer: Any, side: int) -> object:
    return transformer(
        hidden_states=_empty(1, (side // 16) ** 2, 64),
        encoder_hidden_states=_empty(1, TEXT_TOKENS, 3584),
        timestep=_empty(1),
        img_shapes=[[(1, side // 16, side // 16)]],
    )


_UNET_XL = {
    "sample_size": 128,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
_KLEIN = {"num_layers": 5, "num_single_layers": 20, "num_attention_heads": 24, "joint_attention_dim": 7680}
_PACKED = {"use_quant_conv": False, "use_post_quant_conv": False}

PARTS: Mapping[str, Part] = {
    "unet-xl": Part("denoiser", _unet(**_UNET_XL), _xl, 8),
    "unet-1": Part(
        "denoiser",
        _unet(sample_size=64, cross_attention_dim=768, attention_head_dim=8),
        lambda unet, side: unet(_empty(1, 4, side // 8, side // 8), _empty(1), _empty(1, 77, 768)),
        8,
    ),
    "z-image": Part("denoiser", lambda: _library.ZImageTransformer2DModel(), _z_image, 16, TEXT_TOKENS),
    "klein-4b": Part(
        "denoiser",
        lambda: _library.Flux2Transformer2DModel(**_KLEIN, guidance_embeds=False),
        _flux2,
        16,
        TEXT_TOKENS,
    ),
    "qwen-image": Part("denoiser", lambda: _library.QwenImageTransformer2DModel(), _qwen, 16, TEXT_TOKENS),
    "chroma": Part("denoiser", lambda: _library.ChromaTransformer2DModel(), _chroma, 16, TEXT_TOKENS),
    "flux": Part("denoiser", lambda: _library.FluxTransformer2DModel(), _flux, 16, TEXT_TOKENS),
    "clip-l": _clip(transformers.CLIPTextModel, 768, 12, 12),
    "clip-g": _clip(transformers.CLIPTextModelWithProjection, 1280, 32, 20),
    "qwen3": _language(transformers.Qwen3Model, _qwen3()),
    "qwen3-lm": _language(transformers.Qwen3ForCausalLM, _qwen3()),
    "qwen-vl": _language(transformers.Qwen2_5_VLForConditionalGeneration, _qwen_vl()),
    "t5-xxl": _language(transformers.T5EncoderModel, _t5()),
    "vae-4": _autoencoder(4),
    "vae-16": _autoencoder(16, **_PACKED),
    "vae-32": Part(
        "autoencoder",
        lambda: _library.AutoencoderKLFlux2(),
        lambda vae, side: vae.decode(_empty(1, 32, side // 8, side // 8)),
        1,
    ),
    "vae-qwen": Part(
        "autoencoder",
        lambda: _library.AutoencoderKLQwenImage(),
        lambda vae, side: vae.decode(_empty(1, 16, 1, side // 8, side // 8)),
        1,
    ),
}
"""By names of our own; a component that several presets share is here once."""

_QWEN = {"text_encoder": "qwen-vl", "transformer": "qwen-image", "vae": "vae-qwen"}
_Z_IMAGE = {"text_encoder": "qwen3", "transformer": "z-image", "vae": "vae-16"}
_XL = {"text_encoder": "clip-l", "text_encoder_2": "clip-g", "unet": "unet-xl", "vae": "vae-4"}
REPOSITORIES: Mapping[str, Mapping[str, str]] = {
    "Tongyi-MAI/Z-Image-Turbo": _Z_IMAGE,
    "Tongyi-MAI/Z-Image": _Z_IMAGE,
    "black-forest-labs/FLUX.2-klein-4B": {"text_encoder": "qwen3-lm", "transformer": "klein-4b", "vae": "vae-32"},
    "black-forest-labs/FLUX.1-schnell": {
        "text_encoder": "clip-l",
        "text_encoder_2": "t5-xxl",
        "transformer": "flux",
        "vae": "vae-16",
    },
    "stabilityai/stable-diffusion-xl-base-1.0": _XL,
    "stable-diffusion-v1-5/stable-diffusion-v1-5": {"text_encoder": "clip-l", "unet": "unet-1", "vae": "vae-4"},
    "Qwen/Qwen-Image": _QWEN,
    "Qwen/Qwen-Image-2512": _QWEN,
    "Qwen/Qwen-Image-Edit-2511": _QWEN,
    "lodestones/Chroma1-HD": {"text_encoder": "t5-xxl", "transformer": "chroma", "vae": "vae-16"},
}
"""Repository -> component -> part."""
