"""Chooses precision and place of a model's components for a device: the best that fits. Pure and torch-free."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

from engine.memory.device_memory import DeviceMemory
from engine.memory.elements import QUANTISED, Storage
from engine.memory.float16 import overflows
from engine.memory.kept_blocks import keep_blocks, two_largest
from engine.memory.model_sizes import ComponentSizes, ModelSizes
from engine.memory.plan import STREAMING, ComponentPlan, Compute, MemoryPlan, Residency
from engine.memory.shortage import SMALLER, too_much_for, too_much_for_main_memory, way_out

_NEAR: tuple[Residency, ...] = ("resident", "encoders_offloaded")
"""Where "auto" keeps weights, in every precision, before it streams a denoiser at each step of a picture."""
_FAR: tuple[Residency, ...] = ("partly_streamed",)
"""Where nothing else fits; where there is room for no block, that is "streamed"."""
_GRID_ROWS = 4
"""Rows of a pass that blocks leave room for which stay on the device. Rows share a transfer: four in one pass that
brings in more bring in less for each than one does."""
_ON_CPU: tuple[Storage, ...] = ("float32", "bfloat16", "float8")
"""What "auto" tries where main memory is the device: there is nowhere to bring weights from, so all are resident."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """The pass that a plan must have room for: `rows` rows of pictures of this size in pixels."""

    width: int
    height: int
    rows: int = 1


def plan(
    sizes: ModelSizes, device: DeviceMemory, drawing: Drawing, precision: str = "auto", residency: str = "auto"
) -> MemoryPlan:
    """The best plan that fits; where none does, the one that takes least, with the reason.

    The order of "auto": what loses nothing before what does, and all weights on the device before what copies them.
    """
    candidates = [
        _plan(sizes, device, drawing, storage, place) for storage, place in _choices(device, precision, residency)
    ]
    on_device = [each for each in candidates if each.peak_bytes <= each.usable_bytes]
    spare = device.spare_main_bytes
    fitting = next((each for each in on_device if spare is None or each.main_bytes <= spare), None)
    if fitting is not None:
        return fitting
    if on_device and spare is not None:
        smallest = min(on_device, key=lambda each: each.main_bytes)
        return replace(smallest, why=too_much_for_main_memory(smallest.main_bytes, spare), remedy=SMALLER)
    least = min(candidates, key=lambda each: each.peak_bytes)
    return replace(least, why=too_much_for(device, least), remedy=way_out(device, precision, residency))


def _choices(device: DeviceMemory, precision: str, residency: str) -> Iterator[tuple[Storage, Residency]]:
    near, far = (_NEAR, _FAR) if device.kind != "cpu" else (_NEAR[:1], ())
    if precision == "nf4":
        near, far = _NEAR[:1], ()
    storages: tuple[Storage, ...] = (device.compute, "float8") if device.kind != "cpu" else _ON_CPU
    for places in (near, far):
        for storage in storages if precision == "auto" else (cast("Storage", precision),):
            for place in places if residency == "auto" else (cast("Residency", residency),):
                yield storage, place


def _plan(
    sizes: ModelSizes, device: DeviceMemory, drawing: Drawing, storage: Storage, residency: Residency
) -> MemoryPlan:
    if residency == "partly_streamed":
        return _partly_streamed(sizes, device, drawing, storage)
    components = tuple(_component(each, device, drawing, storage, residency) for each in sizes.components)
    return MemoryPlan(components, residency, device.usable_bytes)


def _partly_streamed(sizes: ModelSizes, device: DeviceMemory, drawing: Drawing, storage: Storage) -> MemoryPlan:
    streamed = _plan(sizes, device, drawing, storage, "streamed")
    grid = _plan(sizes, device, replace(drawing, rows=max(drawing.rows, _GRID_ROWS)), storage, "streamed")
    made = keep_blocks(sizes, streamed, grid)
    return made if made.streamed_bytes else _plan(sizes, device, drawing, storage, "encoders_offloaded")


def _component(
    sizes: ComponentSizes, device: DeviceMemory, drawing: Drawing, asked: Storage, residency: Residency
) -> ComponentPlan:
    storage, compute = precision_of(sizes, device, asked)
    is_resident = not (
        (sizes.role == "encoder" and residency != "resident") or (sizes.role == "denoiser" and residency in STREAMING)
    )
    # Weights of 4 bits have a state of their own beside them, which is not brought in with them.
    is_resident = is_resident or storage == "nf4"
    every = sizes.bytes(storage, compute)
    lasting = on_device = every
    if not is_resident and sizes.role == "denoiser":
        # What it has outside of its blocks is little, and needed at every step.
        lasting = sizes.outside.bytes(storage, compute, sizes.packed)
        on_device = lasting + two_largest(sizes.block_bytes(storage, compute))
    elif not is_resident:
        lasting, on_device = 0, sizes.passing_bytes(storage, compute)
    activations = sizes.activations.bytes(drawing.width, drawing.height, drawing.rows, compute)
    is_saved = sizes.stored is not None
    return ComponentPlan(
        sizes.name, sizes.role, storage, compute, is_resident, every, lasting, on_device, activations, is_saved
    )


def precision_of(sizes: ComponentSizes, device: DeviceMemory, asked: Storage) -> tuple[Storage, Compute]:
    """(how its weights lie in memory, what is computed with), where the model is to have the precision `asked`.

    Autoencoders are small and fine: they are never quantised. What overflows in float16 is computed in float32, and
    its weights, unless they are small, still lie in a format of two bytes.
    """
    compute: Compute = device.compute if asked in QUANTISED else cast("Compute", asked)
    storage: Storage = sizes.stored or asked
    if compute == "float16" and overflows(sizes):
        compute = "float32"
        storage = "bfloat16" if storage == "float16" else storage
    if sizes.role == "autoencoder":
        storage = compute
    return storage, compute
