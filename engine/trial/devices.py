"""What memory this machine's device has; a GPU is asked in a process of its own, by torch. Torch-free."""

from __future__ import annotations

import subprocess
import sys

from pydantic import TypeAdapter, ValidationError

from engine.memory.device_memory import DeviceMemory, processor
from engine.processes.child_environment import worker_environment
from engine.processes.device_names import has_cpu_only
from engine.settings import EngineSettings

DEVICE = TypeAdapter(DeviceMemory)


def device_here(settings: EngineSettings) -> DeviceMemory | None:
    """The first configured device; None where it cannot be asked. About three seconds where it may be a GPU."""
    first = settings.devices[0] if settings.devices else ""
    if first.startswith("cpu") or (first == "auto" and has_cpu_only()):
        return processor(settings)  # seconds saved: torch need not be imported just to say so
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
