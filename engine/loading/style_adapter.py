"""A model's variant with an IP-Adapter (arXiv 2308.06721): the same weights, and the adapter's layers beside them.

With an adapter a denoiser needs a picture at every call, so requests without a style picture use the plain model.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers and transformers have hardly any types)

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffusers.loaders.ip_adapter import FluxIPAdapterMixin, IPAdapterMixin, SD3IPAdapterMixin
from torch import nn

from engine.batching.style_scale import weigh_by_row
from engine.errors import ModelLoadFailed
from engine.loading.pipeline_classes import build
from engine.loading.same_weights import module_with_same_weights
from engine.model_files.diffusers_folder import REMEDY
from engine.model_files.lacking_weights import lacking
from engine.model_files.tool_files import adapter_files, prove_adapter
from engine.model_spec import ModelSpec

_FAMILIES = (IPAdapterMixin, FluxIPAdapterMixin, SD3IPAdapterMixin)


def with_style_adapter(spec: ModelSpec, base: Any, kept: tuple[str, ...]) -> Any:
    """A pipeline like `base` with the adapter of `spec` in it; the components named in `kept` are the very same.

    Raises `ModelLoadFailed` for families without one, and what diffusers and transformers raise for files that do
    not fit.
    """
    file, encoder_folder = adapter_files(str(spec.style_adapter), spec.style_encoder)
    if not issubclass(type(base), _FAMILIES):
        raise ModelLoadFailed(spec.name, f"{type(base).__name__} takes no style adapter", "remove style_adapter")
    prove_adapter(spec.name, str(spec.style_adapter), spec.style_encoder)
    made = build(
        type(base), base, {name: _module_with_same_weights(name, part, kept) for name, part in base.components.items()}
    )
    made.register_modules(**_encoder(base, encoder_folder))
    made.load_ip_adapter(str(file.parent), subfolder="", weight_name=file.name, local_files_only=True)
    denoiser = made.unet if isinstance(base, IPAdapterMixin) else made.transformer
    weigh_by_row(denoiser.requires_grad_(False).eval())
    return made


def _encoder(base: Any, folder: Path) -> dict[str, Any]:
    """The image encoder, and where the family knows only one kind of them, what cuts pictures to its size."""
    # Not sooner: a worker without a style adapter does without their modules.
    from transformers import CLIPVisionModelWithProjection, SiglipImageProcessor, SiglipVisionModel

    is_siglip = isinstance(base, SD3IPAdapterMixin)
    cls: Any = SiglipVisionModel if is_siglip else CLIPVisionModelWithProjection
    encoder, said = cls.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=base.dtype, output_loading_info=True
    )
    if words := lacking(encoder, said):
        raise ModelLoadFailed(folder.name, f"style_encoder: {folder.name} {words}", REMEDY)
    parts = {"image_encoder": encoder.to(base.device).requires_grad_(False).eval()}
    if is_siglip:
        is_told = (folder / "preprocessor_config.json").is_file()
        size = {"height": encoder.config.image_size, "width": encoder.config.image_size}
        parts["feature_extractor"] = (
            SiglipImageProcessor.from_pretrained(folder, local_files_only=True)
            if is_told
            else SiglipImageProcessor(size=size)
        )
    return parts


def _module_with_same_weights(name: str, part: Any, kept: tuple[str, ...]) -> Any:
    """A module of its own around the same parameters, so that what is added to one is not in the other."""
    if name in kept or not isinstance(part, nn.Module):
        return part
    return module_with_same_weights(part)
