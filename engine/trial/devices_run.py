"""`python -m engine.trial.devices_run`: says what memory the first device has that its standard input names."""

from __future__ import annotations

import sys

import torch

from engine.loading.device import device_memory
from engine.processes.device_names import devices_here
from engine.settings import EngineSettings
from engine.trial.devices import DEVICE


def main() -> None:
    """Say it as one line of JSON."""
    settings = EngineSettings.model_validate_json(sys.stdin.buffer.read())
    name = settings.devices[0]
    if name == "auto":
        name = devices_here(torch.cuda.device_count(), torch.backends.mps.is_available())[0]
    sys.stdout.buffer.write(DEVICE.dump_json(device_memory(torch.device(name), settings)) + b"\n")


if __name__ == "__main__":
    main()
