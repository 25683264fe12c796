"""Devices on other machines: their names, and what the cluster has.

Each is a process here as well, `cluster.ray_driver`, which stands in for a worker that runs on a node. Only that one
imports Ray: Ray ends a process that lost its head, and nobody but a worker may be ended.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from engine.errors import ClusterRefused
from engine.processes.child_environment import worker_environment

if TYPE_CHECKING:
    from engine.settings import EngineSettings

DRIVER = "engine.cluster.ray_driver:main"
"""The entry point of a remote device's process here."""

_PREFIX = "ray:"
_LOOK = "import sys; from engine.cluster.ray_driver import look; print(look(sys.argv[1]))"
_LOOK_S = 60.0


def remote_devices(settings: EngineSettings) -> tuple[str, ...]:
    """One name for each worker wanted of the cluster; none without a cluster.

    Raises:
        ClusterRefused: the cluster is set up, but could not be reached from here or would be open to anybody.
    """
    if not settings.cluster.address:
        return ()
    _check()
    return tuple(f"{_PREFIX}{number}" for number in range(settings.cluster.workers))


def is_remote(device: str) -> bool:
    """Does this device's worker run on a node of the cluster?"""
    return device.startswith(_PREFIX)


def driver_environment(
    settings: EngineSettings, device: str, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The variables for the process that stands in for `device`: of secrets only Ray's own token, for its head."""
    rays = {name: value for name, value in environ.items() if name.startswith("RAY_")}
    return worker_environment(settings, device, environ) | rays | {"RAY_USAGE_STATS_ENABLED": "0"}


async def describe(settings: EngineSettings) -> str:
    """What the cluster has, in words, by asking it in a process of its own.

    Raises:
        ClusterRefused: with what to do about it.
    """
    _check()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", _LOOK, settings.cluster.address),
        env=driver_environment(settings, _PREFIX),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_LOOK_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise ClusterRefused(f"{settings.cluster.address} does not answer", "start its head, or mend address") from None
    if process.returncode:
        words = err.decode(errors="replace").strip().splitlines() or ["its driver ended without a word"]
        raise ClusterRefused(words[-1], "check engine.cluster and Ray on this machine")
    return out.decode().strip()


def has_ray() -> bool:
    """Is the extra installed?"""
    return importlib.util.find_spec("ray") is not None


def _check() -> None:
    if not has_ray():
        raise ClusterRefused(
            "Ray is not installed",
            "in Darkroom's folder, here and on every node: pip install -c constraints.txt '.[cluster]'",
        )
    if os.environ.get("RAY_AUTH_MODE") != "token":
        raise ClusterRefused(
            "without a token anybody who reaches Ray's ports could run programs there",
            "set RAY_AUTH_MODE=token here and on every node, with one token for all (ray get-auth-token --generate)",
        )
