"""What memory this machine's device has, asked of a process of its own, because only torch knows. Torch-free."""

from __future__ import annotations

import subprocess
import sys

from pydantic import TypeAdapter, ValidationError

from engine.memory.device_memory import DeviceMemory
from engine.processes.child_environment import worker_environment
from engine.settings import EngineSettings

DEVICE = TypeAdapter(DeviceMemory)


def device_here(settings: EngineSettings) -> DeviceMemory | None:
    """The first configured device; None where it cannot be asked. About three seconds."""
    asked = subprocess.run(
        [sys.executable, "-P", "-m", "engine.trial.devices_run"],
        input=settings.model_dump_json().encode(),
        env=worker_environment(settings, "auto"),
        capture_output=True,
        check=False,
    )
    try:
        return DEVICE.validate_json(asked.stdout.splitlines()[-1])
    except (IndexError, ValidationError):
        return None
