"""A model's variant with an IP-Adapter (arXiv 2308.06721): the same weights, and the adapter's layers beside them.

With an adapter a UNet needs a picture at every call, so requests without a style picture use the plain model.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers and transformers have hardly any types)

from __future__ import annotations

from typing import Any

from diffusers.loaders.ip_adapter import IPAdapterMixin
from torch import nn
from transformers import CLIPVisionModelWithProjection

from engine.errors import ModelLoadFailed
from engine.loading.pipeline_classes import build
from engine.loading.same_weights import module_with_same_weights
from engine.model_files.tool_files import adapter_files, prove_adapter
from engine.model_spec import ModelSpec


def with_style_adapter(spec: ModelSpec, base: Any, kept: tuple[str, ...]) -> Any:
    """A pipeline like `base` with the adapter of `spec` in it; the components named in `kept` are the very same.

    Raises `ModelLoadFailed` for families without one, and what diffusers and transformers raise for files that do
    not fit.
    """
    file, encoder_folder = adapter_files(str(spec.style_adapter))
    if not issubclass(type(base), IPAdapterMixin):
        raise ModelLoadFailed(spec.name, f"{type(base).__name__} takes no style adapter", "remove style_adapter")
    prove_adapter(spec.name, str(spec.style_adapter))
    made = build(
        type(base), base, {name: _module_with_same_weights(name, part, kept) for name, part in base.components.items()}
    )
    encoder = CLIPVisionModelWithProjection.from_pretrained(
        encoder_folder, local_files_only=True, use_safetensors=True, dtype=base.dtype
    )
    made.register_modules(image_encoder=encoder.to(base.device).requires_grad_(False).eval())
    made.load_ip_adapter(
        str(file.parent), subfolder="", weight_name=file.name, image_encoder_folder=None, local_files_only=True
    )
    made.set_ip_adapter_scale(spec.style_weight)
    made.unet.requires_grad_(False).eval()
    return made


def _module_with_same_weights(name: str, part: Any, kept: tuple[str, ...]) -> Any:
    """A module of its own around the same parameters, so that what is added to one is not in the other."""
    if name in kept or not isinstance(part, nn.Module):
        return part
    return module_with_same_weights(part)
