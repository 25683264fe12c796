"""A diffusers folder as a pipeline in main memory."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.modular_pipelines.modular_pipeline import ModularPipeline
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.quantizers.pipe_quant_config import PipelineQuantizationConfig

from engine.errors import ModelLoadFailed
from engine.loading.read_encoders import read_encoders
from engine.loading.weight_precision import dtypes_of, quantization_of
from engine.memory.plan import MemoryPlan
from engine.model_files import diffusers_folder
from engine.model_files.plain_folder import plain_folder
from engine.pipelines.controls import plain_class


@dataclass(frozen=True)
class Reading:
    """How files are read: the format of whatever the plan says nothing about."""

    dtype: torch.dtype
    plan: MemoryPlan | None = None

    @property
    def dtypes(self) -> Mapping[str, torch.dtype]:
        """In which format each component is read; "default" for the others."""
        return {"default": self.dtype} if self.plan is None else dtypes_of(self.plan, self.dtype)

    def quantization(self, found: diffusers_folder.ModelFolder) -> Mapping[str, Any]:
        """Component -> how it is quantised while it is read."""
        if self.plan is None:
            return {}
        return quantization_of(self.plan, {name: kind[0] for name, kind in found.components.items()})


def read_folder(path: Path, variant: str | None, reading: Reading, given: Mapping[str, Any] | None = None) -> Any:
    """The pipeline; modules that are `given` are not read. Raises `ModelLoadFailed`, and whatever diffusers raises."""
    found, given = diffusers_folder.read(path, variant), given or {}
    for library, _ in found.components.values():
        if library.startswith("engine."):
            # diffusers imports no library because a folder names it; ours is known to be harmless.
            importlib.import_module(library)
    options: dict[str, Any] = {"use_safetensors": True, "local_files_only": True, "dtype": dict(reading.dtypes)}
    if reading.plan is None:
        options["dtype"] = reading.dtype
    configurations = {name: each for name, each in reading.quantization(found).items() if name not in given}
    if found.modular:
        return _read_modular(path, found, configurations, options, given)
    absent = (diffusers_folder.UNWANTED & found.components.keys()) | found.left_out
    cls = _class_without_control(found.pipeline)
    if cls is DiffusionPipeline and not any(each.variant or each.has_spare_index for each in found.weights.values()):
        return _read_plain(cls, path, found, configurations, options, {**dict.fromkeys(absent), **given})
    with plain_folder(path, found) as plain:
        return _read_plain(cls, plain, found, configurations, options, {**dict.fromkeys(absent), **given})


def _read_plain(
    cls: Any,
    path: Path,
    found: diffusers_folder.ModelFolder,
    configurations: Mapping[str, Any],
    options: dict[str, Any],
    given: Mapping[str, Any],
) -> Any:
    given = {**given, **read_encoders(path, found, options, configurations, given)}
    left = {name: each for name, each in configurations.items() if name not in given}
    more: dict[str, Any] = {"quantization_config": PipelineQuantizationConfig(quant_mapping=left)} if left else {}
    return cls.from_pretrained(str(path), **options, **more, **given)


def _class_without_control(pipeline: str) -> Any:
    """A folder may bring a control network, which is read beside it for the requests that want it."""
    plain = plain_class(pipeline)
    return DiffusionPipeline if plain == pipeline else getattr(diffusers, plain)


def _read_modular(
    path: Path,
    found: diffusers_folder.ModelFolder,
    configurations: Mapping[str, Any],
    options: dict[str, Any],
    given: Mapping[str, Any],
) -> Any:
    pipeline = ModularPipeline.from_pretrained(str(path), local_files_only=True)
    given = {**given, **read_encoders(path, found, options, configurations, given)}
    variants = {name: weights.variant for name, weights in found.weights.items() if weights.variant}
    if configurations:
        options["quantization_config"] = configurations
    if given:
        pipeline.update_components(**given)  # what is there is not read
    pipeline.load_components(variant=variants, **options)
    # It only warns of parts that it cannot load.
    if unread := sorted(name for name in found.weights if getattr(pipeline, name, None) is None):
        raise ModelLoadFailed(path.name, f"its {' and '.join(unread)} cannot be read", diffusers_folder.REMEDY)
    return pipeline
