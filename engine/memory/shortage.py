"""Words for a model that does not fit: why, and the way out. Torch-free."""

from __future__ import annotations

from engine.memory.device_memory import DeviceMemory
from engine.memory.plan import MemoryPlan

SMALLER = "choose a smaller model or a smaller precision"
_BUDGET = "memory_budget_gb"


def too_much_for(device: DeviceMemory, least: MemoryPlan) -> str:
    """Why not even the plan that takes least fits on the device."""
    has = _BUDGET + " allows" if _is_limited(device) else "the device has"
    needed, usable = max(least.peak_bytes, least.weight_bytes), max(0, least.usable_bytes)
    return f"it needs {gigabytes(needed)} at the least, and {has} {gigabytes(usable)} for it"


def too_much_for_main_memory(needed: int, spare: int) -> str:
    """Why what is not on the device does not fit beside it."""
    return f"{gigabytes(needed)} of it would lie in main memory, which has {gigabytes(spare)} for it"


def way_out(device: DeviceMemory, precision: str, residency: str) -> str:
    """What a host may change: the budget where that is what is short, else what they asked for, else the model."""
    asked = [
        f'{key} = "{value}"' for key, value in (("precision", precision), ("residency", residency)) if value != "auto"
    ]
    if _is_limited(device):
        return f"raise {_BUDGET}, or {SMALLER}"
    return f"remove {' and '.join(asked)}" if asked else "choose a smaller model or a smaller picture"


def gigabytes(count: int) -> str:
    """ "7.4 GB", and of what is small as many digits as say something: "0.0012 GB"."""
    return f"{count / 1e9:.1f} GB" if count >= 5e7 or not count else f"{count / 1e9:.2g} GB"


def _is_limited(device: DeviceMemory) -> bool:
    return device.usable_bytes < device.all_usable_bytes
