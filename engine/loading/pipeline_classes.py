"""Which of diffusers' classes draws a task with a family's components, a fresh object of it, and what it takes."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

import copy
import functools
import importlib
import inspect
from typing import Any

from diffusers.modular_pipelines.modular_pipeline import ModularPipeline
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from torch import nn

from engine.model_files.diffusers_folder import MASK_CHANNELS
from engine.pipelines.names import TASK_MARK, Task, task_of
from engine.pipelines.references import references_of
from engine.pipelines.signatures import Signatures

_TAKES: dict[Task, frozenset[str]] = {
    "text_to_image": frozenset(),
    "image_to_image": frozenset({"image", "strength"}),
    "inpaint": frozenset({"image", "mask_image"}),
    "edit": frozenset({"image"}),
}
_SIGNATURES = Signatures()
_MASK_CHANNELS_ONLY = "Kandinsky"
"""Their inpainting class always hands the denoiser mask and picture as further channels."""
_BROKEN = frozenset({"ChromaInpaintPipeline"})
"""Asks the transformer's config for `guidance_embeds`, which no Chroma has (diffusers 0.42.1)."""


def class_for(base: Any, task: Task) -> type | None:
    """The class that draws `task` with `base`'s components, or None when the family has none.

    Image-to-image needs a `strength`: a class that takes pictures as references only (FLUX.2) does not count.
    """
    own = type(base)
    if task == "edit":
        return own if references_of(own.__name__, _SIGNATURES.of(own.__name__)) else None
    if isinstance(base, ModularPipeline):
        return own if _has_blocks(base, task) else None
    if task_of(own.__name__) == task:
        return own
    if task == "text_to_image" and _only_refines(base):
        return None
    if _lacks_mask(base) if task == "inpaint" else _takes_mask(base):
        return None
    return next((each for each in _siblings(own, task) if _fits(each, base, task)), None)


def build(cls: type, base: Any, parts: dict[str, Any]) -> Any:
    """A new `cls` of `parts`, with `base`'s options (`force_zeros_for_empty_prompt`, `is_distilled` ...)."""
    if isinstance(base, ModularPipeline):
        made = copy.copy(base)
        for name, part in parts.items():
            setattr(made, name, part)
        return made
    pipeline: Any = cls
    modules, options = pipeline._get_signature_keys(pipeline)
    chosen = {name: base.config[name] for name in options if name in base.config}
    # What the class wants and the family lacks (a safety checker) is None.
    return pipeline(**{name: parts.get(name) for name in modules}, **chosen)


@functools.cache
def mixes_cells(cls: type) -> bool:
    """Would a cell depend on the others? True for some unmaintained pipelines (Panorama) and for GLM-Image."""
    return ".deprecated." in cls.__module__ or "generator[0]" in inspect.getsource(cls.__call__)


@functools.cache
def takes_lists(cls: type) -> bool:
    """Can it be given several prompts, and a generator for each picture? aMUSEd cannot."""
    parameters = inspect.signature(cls.__call__).parameters
    listed = (str(parameters[name].annotation).lower() for name in ("prompt", "generator") if name in parameters)
    return "num_images_per_prompt" in parameters and ["list[" in each for each in listed] == [True, True]


def accepted(pipeline: Any) -> frozenset[str]:
    """The names of what a pipeline can be called with."""
    blocks = getattr(pipeline, "blocks", None)
    if blocks is not None:
        return frozenset(blocks.input_names)
    return frozenset(inspect.signature(type(pipeline).__call__).parameters)


def control_channels(pipeline: Any) -> int:
    """How many channels of a control picture its network looks at: T2I-Adapters for edges take one."""
    adapter = getattr(pipeline, "adapter", None)
    return adapter.config.in_channels if adapter is not None else 3


def _has_blocks(base: ModularPipeline, task: Task) -> bool:
    takes: set[str] = set(base.blocks.input_names)
    if task_of(type(base).__name__) != "image_to_image":
        return _TAKES[task] <= takes
    # An editor cannot begin without a picture, and is given all of it, so that there is no strength.
    return task != "text_to_image" and _TAKES[task] - {"strength"} <= takes


def _stem(name: str) -> str:
    return TASK_MARK.sub("", name)


def _only_refines(base: Any) -> bool:
    """SDXL's refiner has embeddings that only its own pipeline fills."""
    return bool(base.config.get("requires_aesthetics_score"))


def _takes_mask(base: Any) -> bool:
    """An inpainting checkpoint whose UNet has further channels for mask and picture draws nothing else."""
    unet = getattr(base, "unet", None)
    return unet is not None and unet.config.in_channels == MASK_CHANNELS


def _lacks_mask(base: Any) -> bool:
    return type(base).__name__.startswith(_MASK_CHANNELS_ONLY) and not _takes_mask(base)


def _siblings(cls: type, task: Task) -> list[type]:
    """Classes of the same diffusers package that differ by the task's name only.

    AutoPipeline's tables are not enough: `Flux2KleinInpaintPipeline` is in none of them.
    """
    package = importlib.import_module(cls.__module__.rpartition(".")[0])
    stem = _stem(cls.__name__)
    names = [name for name in sorted(dir(package)) if name.endswith("Pipeline") and _stem(name) == stem]
    # Only a look at a class imports it, and some import much.
    found = (getattr(package, name) for name in names if task_of(name) == task)
    return [each for each in found if inspect.isclass(each) and issubclass(each, DiffusionPipeline)]


def _fits(cls: Any, base: Any, task: Task) -> bool:
    """Whether `cls` takes what the task needs, can be built from these components, and drops no model of them."""
    have = {name: part for name, part in base.components.items() if part is not None}
    takes = inspect.signature(cls.__init__).parameters
    needed = {
        name
        for name, parameter in takes.items()
        if parameter.default is inspect.Parameter.empty and name not in {"self", *cls._optional_components}
    }
    models = {name for name, part in have.items() if isinstance(part, nn.Module)}
    call = inspect.signature(cls.__call__).parameters
    if cls.__name__ in _BROKEN:
        return False
    return _TAKES[task] <= call.keys() and needed <= have.keys() | {"safety_checker"} and models <= takes.keys()
