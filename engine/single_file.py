"""What a single-file checkpoint or a LoRA file is, from its safetensors header alone. Torch-free."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open

from engine.errors import ModelLoadFailed

# safetensors is written in Rust and ships no types.
_open = cast("Callable[..., Any]", safe_open)
_SD1 = "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight"
_SDXL = "conditioner.embedders.1.model.transformer.resblocks.0.ln_1.weight"
_BASES = {_SDXL: "sdxl", _SD1: "sd-1.5"}
"""A tensor that only this family's checkpoints have -> the preset whose configuration they share."""
_FAMILIES = {
    "StableDiffusionXL": "sdxl",
    "StableDiffusion": "sd-1.5",
    "StableDiffusion3": "sd3",
    "Flux": "flux",
    "Flux2": "flux2",
    "QwenImage": "qwen-image",
    "ZImage": "z-image",
    "Wan": "wan",
    "HiDream": "hidream",
    "AuraFlow": "auraflow",
    "Lumina2": "lumina2",
}
"""How diffusers' pipeline classes begin -> family; the longest match counts."""
_TRAINED_FOR = {
    "sdxl": "sdxl",
    "stablediffusionxl": "sdxl",
    "sd1": "sd-1.5",
    "sdv1": "sd-1.5",
    "stablediffusion1": "sd-1.5",
    "stablediffusionv1": "sd-1.5",
    "flux1": "flux",
    "fluxdev": "flux",
    "fluxschnell": "flux",
    "fluxkontext": "flux",
    "flux2": "flux2",
    "sd3": "sd3",
    "sdv3": "sd3",
    "stablediffusion3": "sd3",
    "stablediffusionv3": "sd3",
    "qwen": "qwen-image",
    "zimage": "z-image",
    "wan": "wan",
    "hidream": "hidream",
    "auraflow": "auraflow",
    "lumina2": "lumina2",
}
"""How what a trainer writes begins, in letters and digits alone: "flux.1-dev", "flux-1-dev" and "flux1" are one."""


def base_model(path: Path) -> str:
    """The preset ("sdxl", "sd-1.5") whose configuration the checkpoint shares.

    Raises `ModelLoadFailed` for a file that is no safetensors, or of a family that is not loaded from one file.
    """
    keys, _ = _header(path)
    for key, preset in _BASES.items():
        if key in keys:
            return preset
    raise ModelLoadFailed(
        path.stem, "it is no Stable Diffusion 1.x or XL checkpoint", "give the model as a diffusers folder instead"
    )


def trained_for(path: Path) -> str | None:
    """The family a LoRA file says it was trained for ("sdxl", "sd-1.5", "flux" ...), or None when it does not say."""
    _, metadata = _header(path)
    said = metadata.get("ss_base_model_version") or metadata.get("modelspec.architecture") or ""
    said = "".join(filter(str.isalnum, said.lower()))
    return next((family for mark, family in _TRAINED_FOR.items() if said.startswith(mark)), None)


def is_of_family(pipeline: str, family: str) -> bool:
    """Whether diffusers' pipeline class belongs to what `trained_for` names; an unknown class is given the benefit."""
    longest = max((prefix for prefix in _FAMILIES if pipeline.startswith(prefix)), key=len, default="")
    return not longest or _FAMILIES[longest] == family


def tensor_names(path: Path) -> frozenset[str]:
    """What a safetensors file holds; raises `ModelLoadFailed` for one that is damaged or cut short."""
    return _header(path)[0]


def _header(path: Path) -> tuple[frozenset[str], dict[str, str]]:
    try:
        with _open(str(path), framework="numpy") as file:
            return frozenset(file.keys()), dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        why = f"{path.name} cannot be read as safetensors ({error})"
        raise ModelLoadFailed(path.stem, why, "download it again, as .safetensors") from error
