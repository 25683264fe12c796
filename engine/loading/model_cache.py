"""The models in a device's memory, within a budget in bytes: the least recently used unused model is dropped first."""

from __future__ import annotations

import contextlib
from collections import OrderedDict

import psutil
import torch

from engine.catalogue.catalogue import Catalogue
from engine.errors import ModelLoadFailed
from engine.loading.device import device_memory
from engine.loading.load import load
from engine.loading.loaded_model import LoadedModel
from engine.memory.model_plan import plan_of
from engine.model_spec import ModelSpec
from engine.settings import EngineSettings


class ModelCache:
    """The models in one device's memory. Device thread only, except `load`."""

    def __init__(self, settings: EngineSettings, device: str | torch.device, budget_bytes: int | None = None) -> None:
        self._settings, self._device = settings, torch.device(device)
        self._catalogue = Catalogue(settings)
        self._budget = budget_bytes or memory_budget(settings, self._device)
        self._loaded: OrderedDict[str, LoadedModel] = OrderedDict()
        self._in_use: dict[str, int] = {}
        self._estimates: dict[str, int] = {}

    def borrow(self, name: str) -> LoadedModel:
        """The model, loaded if needed, and kept until `give_back`. Raises what `load` raises."""
        if not self.is_here(name):
            self.make_room(name)
            self.put(self.load(name))
        name = self._known(name)
        self._loaded.move_to_end(name)
        self._in_use[name] = self._in_use.get(name, 0) + 1
        return self._loaded[name]

    def is_here(self, name: str) -> bool:
        """Is the model in memory, so that `borrow` does not load?"""
        return self._known(name) in self._loaded

    def load(self, name: str) -> LoadedModel:
        """Load a model from files without adding it; any thread may call this. Raises what `load` raises."""
        return load(self._catalogue.spec(name), self._device, settings=self._settings)

    def put(self, model: LoadedModel) -> None:
        """Add a loaded model, after dropping unused ones as its real size requires: the estimate may have been low."""
        self._make_room(model.bytes)
        self._loaded[model.spec.name] = model

    def give_back(self, model: LoadedModel) -> None:
        """Count one lane less that uses the model."""
        self._in_use[model.spec.name] -= 1

    def has_room(self, name: str) -> bool:
        """Is the model in memory, or does it fit beside those in use? With none in use, any model may try."""
        spec = self._catalogue.spec(name)
        busy = sum(model.bytes for other, model in self._loaded.items() if self._in_use.get(other))
        return spec.name in self._loaded or busy == 0 or busy + self._estimate(spec) <= self._budget

    def make_room(self, name: str) -> None:
        """Drop unused models until this one fits, or none is left to drop."""
        self._make_room(self._estimate(self._catalogue.spec(name)))

    def models(self) -> tuple[tuple[str, int], ...]:
        """Names and bytes of what is in memory, the least recently used first."""
        return tuple((name, model.bytes) for name, model in self._loaded.items())

    def _known(self, name: str) -> str:
        """The model's own name: "" and a path mean the default model's."""
        return name if name in self._loaded else self._catalogue.spec(name).name

    def _estimate(self, spec: ModelSpec) -> int:
        if spec.name not in self._estimates:
            self._estimates[spec.name] = _weight_bytes(spec, self._device, self._settings)
        return self._estimates[spec.name]

    def _make_room(self, needed: int) -> None:
        for name in [name for name in self._loaded if not self._in_use.get(name)]:
            if sum(model.bytes for model in self._loaded.values()) + needed <= self._budget:
                return
            self._loaded.pop(name).close()


def memory_budget(settings: EngineSettings, device: torch.device) -> int:
    """Bytes for weights on this device: the setting, else 80 % of what the device has."""
    if settings.memory_budget_gb is not None:
        return int(settings.memory_budget_gb * 1e9)
    if device.type == "cuda":
        return int(0.8 * torch.cuda.mem_get_info(device)[1])
    return int(0.8 * psutil.virtual_memory().total)


def _weight_bytes(spec: ModelSpec, device: torch.device, settings: EngineSettings) -> int:
    """Bytes on the device: by the model's plan, or where its size is not known, by what its preset says."""
    with contextlib.suppress(ModelLoadFailed):  # `load` says the same to those who asked
        plan = plan_of(spec, device_memory(device, settings), settings.models_dir)
        if plan is not None:
            return plan.weight_bytes
    # What presets say is meant for bfloat16; a CPU computes in float32.
    is_wide = device.type == "cpu" and spec.source.origin == "hub" and spec.precision in ("auto", "float32")
    return int(spec.memory_gb * 1e9 * (2 if is_wide else 1))
