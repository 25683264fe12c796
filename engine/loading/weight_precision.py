"""Weights in the precision that the memory plan chose: quantised while they are read, or narrowed afterwards.

float8, and formats that are stored narrower than they are computed with, need nothing but diffusers (layerwise
casting); int8 needs torchao, nf4 bitsandbytes and a CUDA device.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers has hardly any types)

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import diffusers
import torch
import transformers
from diffusers.hooks.layerwise_casting import apply_layerwise_casting
from diffusers.models.modeling_utils import ModelMixin
from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from engine.errors import ModelLoadFailed
from engine.memory.elements import QUANTISED
from engine.memory.plan import ComponentPlan, MemoryPlan
from engine.model_spec import ModelSpec

DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float8": torch.float8_e4m3fn,
}
_LIBRARIES = {"int8": "torchao", "nf4": "bitsandbytes"}
"""Precision -> the library that quantises, which is also what the extra is called."""
_WIDE_IN_ENCODERS = ("norm", "embed", "lm_head", r"(^|\.)wo$")
"""Layers of encoders that stay wide. A T5 asks the last, and others their embeddings, which dtype the input should
have, and words are looked up: nothing is gained by rounding them."""
_WIDE_CLASSES = (nn.Embedding, nn.Conv2d, nn.Conv3d, NonDynamicallyQuantizableLinear)


def prove_precision(spec: ModelSpec, device: torch.device) -> None:
    """Raises `ModelLoadFailed` where the precision asked for cannot be had on this machine or with these settings."""
    asked = spec.precision
    if asked == "float8" and device.type == "mps":
        raise ModelLoadFailed(spec.name, 'precision = "float8" is not known to mps devices', 'use "float16"')
    if spec.source.location.endswith(".gguf") and asked in QUANTISED:
        why = f'precision = "{asked}" is for weights that are not packed already, as those of a .gguf file are'
        raise ModelLoadFailed(spec.name, why, "remove precision")
    library = _LIBRARIES.get(asked)
    if library is None:
        if asked == "float8" and spec.style_adapter is not None:
            raise ModelLoadFailed(spec.name, 'precision = "float8" takes no style_adapter', "remove one of the two")
        return
    if importlib.util.find_spec(library) is None:
        remedy = f"in Darkroom's folder: pip install -c constraints.txt '.[{asked}]'"
        raise ModelLoadFailed(spec.name, f'precision = "{asked}" needs {library}, which is missing', remedy)
    if asked == "nf4" and device.type != "cuda":
        remedy = 'use "float8" or "int8"'
        raise ModelLoadFailed(spec.name, f'precision = "nf4" is quantised on a CUDA device, not on {device}', remedy)
    if spec.fused_lora is not None or spec.style_adapter is not None:
        why = f'precision = "{asked}" is for models without a fused LoRA and without a style adapter'
        raise ModelLoadFailed(spec.name, why, 'use "float8"')


def dtypes_of(plan: MemoryPlan, dtype: torch.dtype) -> dict[str, torch.dtype]:
    """In which format each component is read."""
    return {"default": dtype, **{each.name: DTYPES[each.compute] for each in plan.components}}


def quantization_of(plan: MemoryPlan, libraries: Mapping[str, str]) -> dict[str, Any]:
    """Configurations of the components that are quantised while they are read, each of the library that reads it."""
    chosen = [each for each in plan.components if each.storage in _LIBRARIES and not each.is_saved]
    return {each.name: _CONFIGURATIONS[each.storage](_module(libraries.get(each.name, "")), each) for each in chosen}


def _module(library: str) -> Any:
    return transformers if library == "transformers" else diffusers


def _int8(library: Any, _: ComponentPlan) -> Any:
    quantization: Any = importlib.import_module("torchao.quantization")
    return library.TorchAoConfig(quantization.Int8WeightOnlyConfig())


def _nf4(library: Any, component: ComponentPlan) -> Any:
    return library.BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=DTYPES[component.compute]
    )


_CONFIGURATIONS: Mapping[str, Callable[[Any, ComponentPlan], Any]] = {"int8": _int8, "nf4": _nf4}


def narrow(base: Any, plan: MemoryPlan) -> None:
    """Store the weights of a loaded pipeline as planned; where that is narrower, layers widen theirs as they run."""
    for each in plan.components:
        module = base.components.get(each.name)
        if not isinstance(module, nn.Module) or each.is_saved or each.storage in _LIBRARIES:
            continue
        compute, storage = DTYPES[each.compute], DTYPES[each.storage]
        if getattr(module, "dtype", compute) != compute:  # read from a single file, which has one format for all
            module.to(compute)
        if storage == compute:
            continue
        if isinstance(module, ModelMixin):
            module.enable_layerwise_casting(storage, compute)
        else:
            apply_layerwise_casting(module, storage, compute, _WIDE_IN_ENCODERS, _WIDE_CLASSES)
