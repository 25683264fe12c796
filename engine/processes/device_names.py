"""The devices of this machine. Torch is asked in a child process, so that the caller does not import it."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import DeviceMissing
from engine.processes.child_environment import worker_environment
from engine.processes.remote_devices import remote_devices

if TYPE_CHECKING:
    from engine.settings import EngineSettings

_ACCELERATOR_NODES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg", "/dev/dri")
_GPU_FOLDER = "/dev"
_NAME = re.compile(r"(cpu|cuda|mps)(?::(\d+))?")
_QUESTION = """
import json, torch
found = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
print(json.dumps(found or (["mps"] if torch.backends.mps.is_available() else ["cpu"])))
"""


async def device_names(settings: EngineSettings) -> tuple[str, ...]:
    """The configured devices, "auto" replaced by every CUDA device, else MPS, else the CPU; then the cluster's.

    Raises:
        ClusterRefused: a cluster is set up, but cannot be used as things are.
        DeviceMissing: a GPU is named where none can be.
    """
    found: list[str] = []
    for name in settings.devices:
        if not _may_be(name):
            raise DeviceMissing(name, devices_here(_gpu_nodes() or 0, sys.platform == "darwin"))
        found += await _discover(settings) if name == "auto" else [name]
    return tuple(dict.fromkeys((*found, *remote_devices(settings))))


def is_cpu(settings: EngineSettings) -> bool:
    """Is the CPU surely among the devices, as far as can be told at once?"""
    return "cpu" in settings.devices or ("auto" in settings.devices and has_cpu_only())


async def _discover(settings: EngineSettings) -> list[str]:
    if has_cpu_only():
        return ["cpu"]  # seconds saved: torch need not be imported just to find nothing
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-c",
        _QUESTION,
        env=worker_environment(settings, "auto"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await process.communicate()
    return list(json.loads(answer)) if process.returncode == 0 else ["cpu"]


def devices_here(gpus: int, has_mps: bool) -> tuple[str, ...]:
    """What `engine.devices` may name on a machine with so many CUDA devices, the fastest first."""
    return (*(f"cuda:{index}" for index in range(gpus)), *(("mps",) if has_mps else ()), "cpu")


def _may_be(name: str) -> bool:
    """Can this machine have the device, as far as can be told without torch?"""
    if name == "auto":
        return True
    if not (known := _NAME.fullmatch(name)):
        return False
    if known[1] == "mps":
        return sys.platform == "darwin"
    if known[1] != "cuda":
        return True
    if sys.platform == "darwin" or (sys.platform == "linux" and not _has_accelerator_node()):
        return False
    gpus = _gpu_nodes()
    return gpus is None or int(known[2] or 0) < gpus


def _gpu_nodes() -> int | None:
    """How many NVIDIA GPUs this machine has; None where that cannot be told (WSL, ROCm, Windows)."""
    found = sum(1 for _ in Path(_GPU_FOLDER).glob("nvidia[0-9]*")) if sys.platform == "linux" else 0
    return found or None


def has_cpu_only() -> bool:
    """Has this machine surely no accelerator?"""
    return sys.platform == "linux" and not _has_accelerator_node()


def _has_accelerator_node() -> bool:
    return any(Path(node).exists() for node in _ACCELERATOR_NODES)
