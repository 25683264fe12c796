"""The memory plan of a `ModelSpec` on a device. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from engine.memory.device_memory import DeviceMemory
from engine.memory.plan import MemoryPlan
from engine.memory.planner import Drawing, plan
from engine.memory.spec_sizes import sizes_of
from engine.model_files.control_files import control_files
from engine.model_spec import ModelSpec
from engine.pipelines.controls import ControlNetwork


def plan_of(spec: ModelSpec, device: DeviceMemory, models_dir: Path) -> MemoryPlan | None:
    """The plan for one picture of the model's own size; None where its size is not known.

    Raises `ModelLoadFailed` for damaged files.
    """
    sizes = sizes_of(spec, models_dir)
    if sizes is None:
        return None
    precision, residency = spec.precision, spec.residency
    if spec.style_adapter is not None:  # its layers stand beside weights that all are there and wide
        precision = device.compute if precision == "auto" else precision
        residency = "resident" if residency == "auto" else residency
    beside = sum(file.stat().st_size for network in _networks(spec) for file in control_files(network))
    device = replace(device, total_bytes=device.total_bytes - beside)
    drawing = Drawing(spec.width // spec.enlarge, spec.height // spec.enlarge)
    return plan(sizes, device, drawing, precision, residency)


def _networks(spec: ModelSpec) -> Iterable[ControlNetwork]:
    """The control networks that stand beside its weights, each once."""
    return {each.location: each for each in spec.controls.values() if each.location and not each.flaw}.values()
