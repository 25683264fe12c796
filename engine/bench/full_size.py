"""Full-size SDXL and Z-Image with random weights: what they weigh and compute, not what they draw.

Or the same in miniature, to see that everything starts.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import diffusers
import torch
import transformers

from engine.bench.stand_in import tokenizer
from engine.loading.loaded_model import LoadedModel
from engine.model_spec import ModelSpec, Source
from engine.previews.previewer import Previewer
from engine.sampling.latent_layout import LatentLayout
from engine.sampling.latent_rgb import fit_rgb_map

VOCABULARY = 2 + 2 * 256
_BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}
CHAT = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def load_full_size(name: str, device: torch.device, miniature: bool = False) -> LoadedModel:
    """Draw `sdxl` or `z-image` on the device, in bfloat16 unless that is a CPU, which would take minutes."""
    draw, steps, guidance = _MODELS[name]
    side, steps = (64, 2) if miniature else (1024, steps)
    torch.manual_seed(0)
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            base = draw(miniature)
    finally:
        torch.set_default_dtype(torch.float32)
    for part in base.components.values():
        if isinstance(part, torch.nn.Module):
            _redraw(part)
    spec = ModelSpec(
        name, Source("folder", "random"), steps, guidance, side, side, 16, 0.0, "random weights", type(base).__name__
    )
    layout = LatentLayout.of(base.vae)
    return LoadedModel(spec, base, device, dtype, "random", Previewer(layout, fit_rgb_map(base.vae, layout)))


@torch.no_grad()
def _redraw(module: torch.nn.Module) -> None:
    """Normal weights of deviation 0.02, norms near one: zeros would run cooler and faster than a trained model."""
    module.requires_grad_(False).eval()
    for name, weight in module.named_parameters():
        if weight.ndim < 2:
            weight.normal_(1.0 if name.endswith("weight") else 0.0, 0.02)
        else:
            weight.normal_(0.0, 0.02)


def _sdxl(miniature: bool) -> Any:
    library: Any = diffusers
    wide, hidden, hidden_2 = (32, 64, 64) if miniature else (320, 768, 1280)
    unet = library.UNet2DConditionModel(
        sample_size=128,
        block_out_channels=(wide, 2 * wide, 4 * wide),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 2 if miniature else 10),
        attention_head_dim=(5, 10, 20),
        cross_attention_dim=hidden + hidden_2,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=6 * 256 + hidden_2,
    )
    return library.StableDiffusionXLPipeline(
        vae=_autoencoder(4, miniature, scaling_factor=0.13025, force_upcast=False),
        text_encoder=transformers.CLIPTextModel(_clip(hidden, 2 if miniature else 12, hidden // 64, "quick_gelu")),
        text_encoder_2=transformers.CLIPTextModelWithProjection(
            _clip(hidden_2, 2 if miniature else 32, hidden_2 // 64, "gelu")
        ),
        tokenizer=tokenizer(),
        tokenizer_2=tokenizer(),
        unet=unet,
        scheduler=_on_cpu(library.EulerDiscreteScheduler, **_BETAS),
        add_watermarker=False,
    )


def _z_image(miniature: bool) -> Any:
    library: Any = diffusers
    hidden, layers, heads = (64, 2, 2) if miniature else (2560, 36, 32)
    few = {"dim": 96, "n_layers": 2, "n_heads": 2, "n_kv_heads": 2, "cap_feat_dim": hidden, "axes_dims": [16, 16, 16]}
    words = tokenizer()
    words.chat_template = CHAT
    words.model_max_length = 512
    text = transformers.Qwen3Config(
        vocab_size=151936,
        hidden_size=hidden,
        intermediate_size=round(3.8 * hidden),
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=min(heads, 8),
        head_dim=128,
    )
    return library.ZImagePipeline(
        transformer=library.ZImageTransformer2DModel(**(few if miniature else {})),
        scheduler=_on_cpu(library.FlowMatchEulerDiscreteScheduler, shift=3.0),
        vae=_autoencoder(16, miniature, scaling_factor=0.3611, shift_factor=0.1159),
        text_encoder=transformers.Qwen3Model(text),
        tokenizer=words,
    )


def _on_cpu(cls: Any, **config: Any) -> Any:
    """A noise scheduler as it is after loading: its tables in float32 and in main memory."""
    with torch.device("cpu"):
        return cls(**config)


def _autoencoder(latent_channels: int, miniature: bool, **config: Any) -> Any:
    library: Any = diffusers
    wide = 32 if miniature else 128
    return library.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(wide, 2 * wide, 4 * wide, 4 * wide),
        layers_per_block=1 if miniature else 2,
        latent_channels=latent_channels,
        sample_size=1024,
        **config,
    )


def _clip(hidden: int, layers: int, heads: int, activation: str) -> transformers.CLIPTextConfig:
    return transformers.CLIPTextConfig(
        vocab_size=VOCABULARY,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        projection_dim=hidden,
        hidden_act=activation,
    )


_MODELS: dict[str, tuple[Callable[[bool], Any], int, float]] = {"sdxl": (_sdxl, 30, 5.0), "z-image": (_z_image, 8, 1.0)}
