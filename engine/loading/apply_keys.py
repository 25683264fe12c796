"""A host's further keys for a model, applied to the pipeline that was read: prediction, layers, textual inversions."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.textual_inversion import TextualInversionLoaderMixin
from safetensors.torch import load_file

from engine.errors import ModelLoadFailed
from engine.model_spec import ModelSpec

_FLOW = "flow_prediction"
_BY_NAME = {"clip_l": "text_encoder", "clip_g": "text_encoder_2"}
"""How a file for two encoders calls its tensors -> the component."""


def apply_keys(spec: ModelSpec, base: Any) -> None:
    """Change what the settings say. Raises `ModelLoadFailed` naming the key that the model cannot take."""
    if spec.prediction_type is not None:
        _predict(spec, spec.prediction_type, base)
    if spec.clip_skip is not None:
        _skip(spec, spec.clip_skip, base)
    if spec.embeddings and not isinstance(base, TextualInversionLoaderMixin):
        why = f"embeddings: {type(base).__name__} takes no textual inversions"
        raise ModelLoadFailed(spec.name, why, "remove embeddings")
    for word, file in spec.embeddings.items():
        _teach(spec, base, word, file)


def _predict(spec: ModelSpec, prediction: str, base: Any) -> None:
    config = base.scheduler.config
    if config.get("prediction_type", _FLOW) == _FLOW:
        why = "prediction_type: it was trained with flow matching, which predicts neither noise nor v"
        raise ModelLoadFailed(spec.name, why, "remove prediction_type")
    base.scheduler = type(base.scheduler).from_config(config, prediction_type=prediction)


def _skip(spec: ModelSpec, counted: int, base: Any) -> None:
    """Leave out CLIP's last layers, where the pipeline's own way to do it does not know this transformers."""
    encoder = base.text_encoder
    inner = getattr(encoder, "text_model", encoder).encoder
    if counted > len(inner.layers):
        why = f"clip_skip: {counted} counts from the last of only {len(inner.layers)} layers"
        raise ModelLoadFailed(spec.name, why, "choose a smaller number")
    if not spec.pipeline.startswith(("StableDiffusionXL", "StableDiffusion3")):
        inner.layers = inner.layers[: len(inner.layers) - counted + 1]
        encoder.config.num_hidden_layers = len(inner.layers)


def _teach(spec: ModelSpec, base: Any, word: str, file: Path) -> None:
    """Add a word to the tokenizer and its vectors to the encoder, for each encoder that the file has vectors for."""
    tensors = load_file(file)
    by_component = {_BY_NAME.get(name, "text_encoder"): tensor for name, tensor in tensors.items()}
    for component, vectors in by_component.items():
        encoder = getattr(base, component, None)
        tokenizer = getattr(base, component.replace("text_encoder", "tokenizer"), None)
        features = None if encoder is None else encoder.get_input_embeddings().weight.shape[-1]
        if features != vectors.shape[-1]:
            why = f"embeddings: {file.name} has {vectors.shape[-1]} features for a word, its {component} has {features}"
            raise ModelLoadFailed(spec.name, why, "choose one that was made for this family")
        known = torch.atleast_2d(vectors)
        base.load_textual_inversion(known, token=word, text_encoder=encoder, tokenizer=tokenizer)
