"""A real Ray cluster whose machines are process groups of this one: to be killed, frozen and thawed one by one."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

SMALL = ("--num-cpus=0", "--num-gpus=0", "--object-store-memory=80000000")
START_S = 60.0
OFFER = "darkroom"
"""The resource of which every node, but not the head, has one."""


@dataclass
class RayCluster:
    """Its head, which is also the engine's machine, and its nodes; `folder` marks every process that belongs to it."""

    folder: Path
    port: int = field(default_factory=lambda: free_port())
    machines: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to take part."""
        return {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.folder / "token"),
            "RAY_USAGE_STATS_ENABLED": "0",
            "TMPDIR": str(self.folder),
        }

    def start_head(self) -> None:
        (self.folder / "token").write_text(secrets.token_hex(32))
        words = ("--head", f"--port={self.port}", "--include-dashboard=false", f"--temp-dir={self.folder / 'r'}")
        self._start("head", *words)

    def start_node(self, name: str) -> None:
        self._start(name, f"--address={self.address}", f'--resources={{"{OFFER}": 1}}')

    def kill(self, name: str) -> None:
        """The machine loses its power, as far as a process can."""
        for process in self.processes(name):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.machines.pop(name).wait()

    def freeze(self, name: str) -> list[psutil.Process]:
        """The machine stands still, or its network does; `thaw` what is returned."""
        frozen = self.processes(name)
        for process in frozen:
            process.suspend()
        return frozen

    def processes(self, name: str) -> list[psutil.Process]:
        """The machine's daemons, actors and workers."""
        machine = psutil.Process(self.machines[name].pid)
        return [machine, *machine.children(recursive=True)]

    def workers(self, name: str) -> list[psutil.Process]:
        """The machine's processes that make pictures."""
        return [found for found in self.processes(name) if "engine.processes.child_main" in " ".join(found.cmdline())]

    def everything(self) -> list[psutil.Process]:
        """All that is alive and belongs to this cluster, also what its machines left behind."""
        return [found for found in psutil.process_iter() if self._owns(found)]

    def stop(self) -> None:
        for name in list(self.machines):
            self.kill(name)
        for process in self.everything():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def _start(self, name: str, *words: str) -> None:
        log = (self.folder / f"{name}.log").open("wb")
        self.machines[name] = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", "start", *words, *SMALL, "--disable-usage-stats", "--block"],
            env={**os.environ, **self.environment},
            cwd=self.folder,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        deadline_s = time.monotonic() + START_S
        while b"Ray runtime started" not in (told := (self.folder / f"{name}.log").read_bytes()):
            assert self.machines[name].poll() is None and time.monotonic() < deadline_s, told.decode()
            time.sleep(0.1)

    def _owns(self, process: psutil.Process) -> bool:
        try:
            return process.pid != os.getpid() and process.environ().get("TMPDIR") == str(self.folder)
        except (psutil.Error, OSError):
            return False


@contextlib.contextmanager
def ray_cluster(nodes: int) -> Iterator[RayCluster]:
    """A head and so many nodes; all gone afterwards."""
    cluster = RayCluster(Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp")))  # a short path: sockets lie below it
    try:
        cluster.start_head()
        for number in range(nodes):
            cluster.start_node(f"node{number}")
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(cluster.folder, ignore_errors=True)


def _end_with_parent() -> None:
    """Also when the tests are killed no daemon stays: SIGTERM, on which `ray start --block` ends what it started."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def thaw(processes: list[psutil.Process]) -> None:
    """Let them go on, where they are still there."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGCONT)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
