"""Models whose weights are one file, with a base folder that has the rest."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders import single_file_model
from safetensors.torch import load_file

from engine.catalogue.catalogue import Catalogue
from engine.loading.load import load
from engine.loading.loaded_model import LoadedModel
from engine.settings import EngineSettings, ModelSettings
from tests.engine.original_layouts import narrowed

SINGLE = single_file_model.SINGLE_FILE_LOADABLE_CLASSES
_FULL_WIDTHS: Mapping[str, Mapping[int, int]] = {
    "FluxTransformer2DModel": {3072: 32},
    "ChromaTransformer2DModel": {3072: 32},
    "Lumina2Transformer2DModel": {2304: 16, 768: 16},
}
"""Class -> widths that diffusers' conversion takes for granted, and those of the tiny models."""


def narrow_conversions(monkeypatch: Any) -> None:
    """Have diffusers' conversions read tiny models."""
    for name, widths in _FULL_WIDTHS.items():
        convert = narrowed(SINGLE[name]["checkpoint_mapping_fn"], widths)
        monkeypatch.setitem(SINGLE, name, {**SINGLE[name], "checkpoint_mapping_fn": convert})


def weights_of(folder: Path, component: str) -> dict[str, torch.Tensor]:
    """A component's tensors, as its folder has them."""
    (file,) = (folder / component).glob("*.safetensors")
    return load_file(file)


def base_without(folder: Path, target: Path, *components: str) -> Path:
    """A copy of a model's folder that has no weights of some components; of none at all where none is named."""
    shutil.copytree(folder, target)
    for file in target.rglob("*.safetensors"):
        if not components or file.parent.name in components:
            file.unlink()
    return target


def settings_of(file: Path, **keys: Any) -> EngineSettings:
    """A model "mine" of that file."""
    return EngineSettings(models={"mine": ModelSettings(source=str(file), **keys)}, models_dir=file.parent / "models")


def loaded(file: Path, **keys: Any) -> LoadedModel:
    settings = settings_of(file, **keys)
    return load(Catalogue(settings).spec("mine"), "cpu", settings)


def same_weights(module: torch.nn.Module, expected: Mapping[str, torch.Tensor]) -> bool:
    """To the bit."""
    state = module.state_dict()
    return state.keys() >= expected.keys() and all(torch.equal(state[name], expected[name]) for name in expected)


Change = Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]
