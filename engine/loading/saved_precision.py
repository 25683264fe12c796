"""Folders whose weights were saved quantised: whether this machine can read them, told before they are read."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (diffusers and transformers have hardly any types)

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.quantizers import auto as of_diffusers
from transformers.quantizers import auto as of_transformers

from engine.errors import ModelLoadFailed
from engine.memory.folder_sizes import config_of
from engine.model_files import diffusers_folder
from engine.model_files.diffusers_folder import REMEDY
from engine.model_files.local_models import find_pulled
from engine.model_spec import EVERY, ModelSpec

_PACKAGES: Mapping[str, tuple[str, str]] = {
    "torchao": ("torchao", "'.[int8]'"),
    "bitsandbytes": ("bitsandbytes", "'.[nf4]'"),
    "quanto": ("optimum", "optimum-quanto"),
    "sdnq": ("sdnq", "sdnq"),
    "modelopt": ("modelopt", "nvidia-modelopt"),
    "auto-round": ("auto_round", "auto-round"),
    "awq": ("gptqmodel", "gptqmodel"),
    "gptq": ("gptqmodel", "gptqmodel"),
}
"""How a configuration's `quant_method` begins -> the module that reads such weights, and what pip installs."""
_IN_FILES_ONLY = "gguf"
_WIDE = "choose its bf16 or fp16 weights"


def prove_saved(spec: ModelSpec, models_dir: Path, device: torch.device) -> None:
    """Raises `ModelLoadFailed` for a component that was saved quantised in a way that cannot be read here."""
    model = spec.name
    for name, library, config in _saved(spec, models_dir):
        said = config.get("quant_method") if isinstance(config, dict) else None
        if not isinstance(said, str):
            why = f"{name}/config.json says that its weights are quantised, and not how (quant_method)"
            raise ModelLoadFailed(model, why, REMEDY)
        if not _is_known(said, library):
            why = f"its {name} was saved quantised as {said[:40]!r}, which the installed {library} does not read"
            raise ModelLoadFailed(model, why, _WIDE)
        module, package = next((each for mark, each in _PACKAGES.items() if said.startswith(mark)), ("", ""))
        if module and importlib.util.find_spec(module) is None:
            why = f"its {name} was saved quantised by {said}, and the package that reads it is missing"
            raise ModelLoadFailed(model, why, f"in Darkroom's folder: pip install -c constraints.txt {package}")
        if _needs_cuda(said, library) and device.type != "cuda":
            why = f"its {name} was saved quantised by {said}, which is read on a CUDA device, not on {device}"
            raise ModelLoadFailed(model, why, _WIDE)


def is_for_cuda(spec: ModelSpec, models_dir: Path) -> bool:
    """Whether a component was saved quantised in a way that is read on a CUDA device only."""
    saved = _saved(spec, models_dir)
    return any(
        isinstance(said, dict) and _needs_cuda(str(said.get("quant_method")), library) for _, library, said in saved
    )


def _needs_cuda(method: str, library: str) -> bool:
    """diffusers refuses bitsandbytes elsewhere."""
    return library == "diffusers" and method.startswith("bitsandbytes")


def _saved(spec: ModelSpec, models_dir: Path) -> Iterator[tuple[str, str, Any]]:
    """(component, its library, what its configuration says of its quantization), of every folder that is read."""
    for source in filter(None, (spec.source, spec.configuration)):
        folder = find_pulled(source, models_dir) if source.origin == "hub" else Path(source.location)
        if folder is None or not folder.is_dir() or EVERY in source.weightless:
            continue
        found = diffusers_folder.read(folder, source.variant)
        for name in found.weights.keys() - {*source.weightless}:
            said = config_of(folder, name).get("quantization_config")
            if said is not None:
                yield name, found.components[name][0], said


def _is_known(method: str, library: str) -> bool:
    known = of_transformers if library == "transformers" else of_diffusers
    methods = set(known.AUTO_QUANTIZATION_CONFIG_MAPPING) - ({_IN_FILES_ONLY} if known is of_diffusers else set())
    return any(each.startswith(method) for each in methods)
