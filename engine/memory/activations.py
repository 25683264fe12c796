"""Activation memory: the values that one pass of a component needs besides weights. Torch-free.

The factors were counted in passes of full-size models on the meta device (`engine.bench.known_sizes`). They count
tensors; workspaces of convolution and attention kernels come on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from engine.memory.model_sizes import TEXT_TOKENS, Activations, Role

_PER_FEATURE = 16.0
"""Values that a transformer's block holds at its peak, for each feature of a position (Z-Image, Qwen-Image, FLUX.1:
15 to 17; FLUX.2, whose projections are fused, 22)."""
_PER_ENCODER_FEATURE = 24.0
"""The same for a T5; a language model of which all hidden states are wanted holds one more for each layer."""
_PER_UNET_CHANNEL, _PER_ATTENDING_CHANNEL = 16.0, 26.0
"""For each channel of a UNet's finest level, skips included; the second where that level attends (SD 1.x)."""
_PER_AUTOENCODER_CHANNEL, _PER_CAUSAL_CHANNEL = 6.0, 18.0
"""For each channel at a picture's full size; the second where convolutions run over time too (Qwen-Image, Wan)."""

_TOKENS_OF_THREE = 77 + 256
"""Of Stable Diffusion 3, whose two CLIPs are followed by a shortened T5."""

Config = Mapping[str, Any]


def activations_of(role: Role, config: Config, latent_edge: int, latent_channels: int) -> Activations:
    """The activations of a component with this config.json.

    `latent_edge` is the side in pixels of one position of the model's latents, `latent_channels` their channels.
    """
    if role == "encoder":
        return Activations((_PER_ENCODER_FEATURE + _kept_states(config)) * _features(config), 0, TEXT_TOKENS)
    if role == "autoencoder":
        factor = _PER_CAUSAL_CHANNEL if "temperal_downsample" in config else _PER_AUTOENCODER_CHANNEL
        return Activations(factor * _finest(config), 1)
    if levels := _numbers(config.get("block_out_channels")):
        attends = "Attn" in str((config.get("down_block_types") or [""])[0])
        return Activations((_PER_ATTENDING_CHANNEL if attends else _PER_UNET_CHANNEL) * levels[0], latent_edge)
    tokens = _TOKENS_OF_THREE if "caption_projection_dim" in config else TEXT_TOKENS
    return Activations(_PER_FEATURE * _features(config), latent_edge * _patch(config, latent_channels), tokens)


def _kept_states(config: Config) -> int:
    """Pipelines ask language models for the hidden states of every layer; encoders that are no such models have one."""
    inner = cast("Config", config["text_config"]) if isinstance(config.get("text_config"), dict) else config
    layers = inner.get("num_hidden_layers")
    return layers if isinstance(layers, int) and "num_key_value_heads" in inner else 0


def _features(config: Config) -> int:
    """Features of one position: of a transformer, or of a text encoder's layers."""
    heads, side = config.get("num_attention_heads"), config.get("attention_head_dim")
    if isinstance(heads, int) and isinstance(side, int):
        return heads * side
    if isinstance(config.get("text_config"), dict):
        return _features(cast("Config", config["text_config"]))
    names = ("dim", "inner_dim", "hidden_size", "d_model", "width")
    return next((value for name in names if isinstance(value := config.get(name), int)), 1024)


def _patch(config: Config, latent_channels: int) -> int:
    """How many positions of the latents, along one side, are one of the transformer's: patches, or packed channels."""
    channels, patch = config.get("in_channels"), config.get("patch_size", config.get("all_patch_size"))
    if isinstance(channels, int) and channels >= 4 * latent_channels:
        return 2
    sides = [patch] if isinstance(patch, int) else _numbers(patch)
    return next((side for side in reversed(sides) if side > 0), 2)


def _finest(config: Config) -> int:
    """Channels at the full size of a picture."""
    for key in ("decoder_block_out_channels", "block_out_channels"):
        if levels := _numbers(config.get(key)):
            return levels[0]
    base = config.get("decoder_base_dim") or config.get("base_dim") or config.get("dim")
    return base if isinstance(base, int) else 128


def _numbers(value: Any) -> list[int]:
    return [each for each in cast("list[Any]", value) if isinstance(each, int)] if isinstance(value, list) else []
