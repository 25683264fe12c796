"""Reads the header of a safetensors file, and a LoRA's family from it. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open

from engine.errors import ModelLoadFailed
from engine.model_files.mislabelled import prove_regular, what_it_is

# safetensors is written in Rust and ships no types.
_open = cast("Callable[..., Any]", safe_open)
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
    "pony": "sdxl",
    "illustrious": "sdxl",
    "noobai": "sdxl",
}
"""How what a trainer writes begins, in letters and digits alone: "flux.1-dev", "flux-1-dev" and "flux1" are one."""


def family_of(metadata: Mapping[str, str]) -> str | None:
    """The family a LoRA was trained for ("sdxl", "flux" ...), by its header; None where the header does not say."""
    return family_named(metadata.get("ss_base_model_version") or metadata.get("modelspec.architecture") or "")


def family_named(said: str) -> str | None:
    """The family of a base model in a trainer's or Civitai's words ("SDXL 1.0", "flux1"), or None."""
    said = "".join(filter(str.isalnum, said.lower()))
    return next((family for mark, family in _TRAINED_FOR.items() if said.startswith(mark)), None)


def is_of_family(pipeline: str, family: str) -> bool:
    """Whether diffusers' pipeline class belongs to what `family_of` names; an unknown class is given the benefit."""
    longest = max((prefix for prefix in _FAMILIES if pipeline.startswith(prefix)), key=len, default="")
    return not longest or _FAMILIES[longest] == family


def is_surely_of_family(pipeline: str, family: str) -> bool:
    """Whether diffusers' pipeline class is known to belong to that family."""
    return any(pipeline.startswith(prefix) for prefix in _FAMILIES) and is_of_family(pipeline, family)


def tensor_names(path: Path) -> frozenset[str]:
    """What a safetensors file holds; raises `ModelLoadFailed` for one that is damaged or cut short."""
    return names_and_metadata(path)[0]


def names_and_metadata(path: Path) -> tuple[frozenset[str], Mapping[str, str]]:
    """The tensors' names and the file's own words; raises as `header_of`, and takes a tenth of its time."""
    with _opened(path) as file:
        return frozenset(file.keys()), dict(file.metadata() or {})


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a file: its number format as safetensors names it ("F16"), and its shape."""

    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """What a file holds."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]


def header_of(path: Path) -> Header:
    """The file's header; raises `ModelLoadFailed` for one that is damaged, cut short or of another format."""
    with _opened(path) as file:
        slices = ((key, file.get_slice(key)) for key in file.keys())  # noqa: SIM118 - it is no mapping
        tensors = {key: Tensor(str(each.get_dtype()), tuple(each.get_shape())) for key, each in slices}
        return Header(tensors, dict(file.metadata() or {}))


@contextmanager
def _opened(path: Path) -> Generator[Any]:
    """The file, open; whatever is wrong with it becomes `ModelLoadFailed`."""
    prove_regular(path)
    try:
        with _open(str(path), framework="numpy") as file:
            yield file
    except FileNotFoundError as error:
        why = f"{path.name} is a link to nothing" if path.is_symlink() else f"there is no file {path.name}"
        raise ModelLoadFailed(path.stem, why, "correct its path in the settings") from error
    except (OSError, SafetensorError) as error:
        # What the operating system says ends with the whole path.
        unread = f"cannot be read as safetensors ({getattr(error, 'strerror', None) or error})"
        what, remedy = what_it_is(path) or (unread, "download it again, as .safetensors")
        raise ModelLoadFailed(path.stem, f"{path.name} {what}", remedy) from error
