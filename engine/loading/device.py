"""What memory a device of this machine has."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from dataclasses import replace

import psutil
import torch

from engine.memory.device_memory import DeviceMemory, budget_bytes, processor
from engine.settings import EngineSettings


def device_memory(device: torch.device, settings: EngineSettings) -> DeviceMemory:
    """The device's memory, and what the host allows of it."""
    if device.type == "cuda":
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
        total, main = torch.cuda.get_device_properties(device).total_memory, psutil.virtual_memory().total
        return DeviceMemory("cuda", total, has_bfloat16, budget_bytes(settings), main)
    return replace(processor(settings), kind="mps") if device.type == "mps" else processor(settings)
