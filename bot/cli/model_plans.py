"""What a host reads about a model's memory plans."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from engine import CARDS_GB, DeviceMemory, MemoryPlan, ModelLoadFailed, ModelSpec, card, plan_of

_ON_DEVICE = "all on the device"
_ENCODERS_AWAY = "text encoders in main memory"


def fits_in_words(spec: ModelSpec, here: DeviceMemory | None, models_dir: Path) -> str:
    """How the model would lie on this machine's device: "bfloat16", "float8, encoders_offloaded", "no" or "?"."""
    try:
        plan = None if here is None else plan_of(spec, here, models_dir)
    except ModelLoadFailed:
        return "?"
    if plan is None:
        return "?"
    return _short(plan) if plan.fits else "no"


def warning(spec: ModelSpec, here: DeviceMemory | None, models_dir: Path) -> str:
    """What to know before the model is downloaded; "" where it fits or that is not known."""
    plan = None if here is None else plan_of(spec, here, models_dir)
    return "" if plan is None or plan.fits else f"{spec.name} does not fit on this machine: {plan.why}; {plan.remedy}"


def plan_table(spec: ModelSpec, here: DeviceMemory | None, models_dir: Path) -> Table | None:
    """The plan for this machine and for cards as they are sold; None where the model's size is not known."""
    columns = ("device", "precision", "where weights lie", "peak", "main memory", "fits")
    table = Table(*columns, title="Memory (computed, not measured)")
    devices = {"this machine": here, **{f"{size} GB": card(size) for size in CARDS_GB}}
    for name, device in devices.items():
        plan = None if device is None else plan_of(spec, device, models_dir)
        if plan is not None:
            table.add_row(name, *_row(plan))
    return table if table.row_count else None


def _row(plan: MemoryPlan) -> Iterator[str]:
    yield precision_of(plan)
    yield _place(plan)
    yield f"{plan.peak_bytes / 1e9:.1f} GB"
    yield f"{plan.main_bytes / 1e9:.1f} GB"
    yield "yes" if plan.fits else "no"


def _place(plan: MemoryPlan) -> str:
    """Where weights lie; of a streamed denoiser how much is brought to the device in each pass."""
    if plan.residency == "resident":
        return _ON_DEVICE
    return f"{_ENCODERS_AWAY}; {streams}" if (streams := streams_in_words(plan)) else _ENCODERS_AWAY


def streams_in_words(plan: MemoryPlan) -> str:
    """ "streams 3.1 of 14.2 GB", or "" for a denoiser that stays on the device."""
    if not plan.streamed_bytes:
        return ""
    return f"streams {plan.streamed_bytes / 1e9:.1f} of {plan.denoiser_bytes / 1e9:.1f} GB"


def _short(plan: MemoryPlan) -> str:
    return precision_of(plan) if plan.residency == "resident" else f"{precision_of(plan)}, {plan.residency}"


def precision_of(plan: MemoryPlan) -> str:
    """The precision of the denoiser, which is most of a model."""
    return next((each.storage for each in plan.components if each.role == "denoiser"), "?")
