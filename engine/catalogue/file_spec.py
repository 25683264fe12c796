"""What is known of a model whose weights are one file: the file's facts, and those of its base. Torch-free."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine.errors import ModelLoadFailed
from engine.model_files import diffusers_folder
from engine.model_files.checkpoint import Checkpoint
from engine.model_files.single_file import is_of_family
from engine.model_spec import ModelSpec, Source

_BASE = 'set base to a preset, a diffusers folder or "hf:organisation/repository"'


def base_of(name: str, path: Path, found: Checkpoint, said: str | None) -> str:
    """Whose configuration the file shares: what the host says, else a preset that the file itself tells."""
    base = said or found.preset
    if not base:
        why = f"{path.name} is a checkpoint of {found.family.name}, and nothing says whose configuration it shares"
        raise ModelLoadFailed(name, why, _BASE)
    return base


def prove_base(name: str, path: Path, found: Checkpoint, base: ModelSpec, folder: Path | None) -> None:
    """Raises `ModelLoadFailed` where a base is of another family; `folder` has its configuration, if it is here."""
    family = found.family
    has = base.pipeline
    fits = is_of_family(base.pipeline, family.name) or family.name not in ("sd-1.5", "sdxl", "flux", "flux2")
    if folder is not None:
        components = diffusers_folder.read(folder).components
        has = components.get(family.denoiser, ("", "no " + family.denoiser))[1]
        fits = fits and has == family.class_name
    if not fits:
        why = f"{path.name} is a checkpoint of {family.name}, and its base has {has}"
        raise ModelLoadFailed(name, why, _BASE)


def of_file(path: Path, found: Checkpoint, base: ModelSpec, lent: Source, elsewhere_gb: float) -> ModelSpec:
    """The model: the file's weights with the base's configuration; `elsewhere_gb` are those of its other parts."""
    return replace(
        base,
        source=Source("file", str(path)),
        configuration=lent,
        pipeline=base.pipeline.replace("Pipeline", "InpaintPipeline") if found.inpaints else base.pipeline,
        need="mask" if found.inpaints else base.need,
        memory_gb=found.bytes / 1e9 + elsewhere_gb,
        licence="see where the file came from",
        prior=None,
        stages=(),
        fused_lora=None,
    )
