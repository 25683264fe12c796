"""Starts worker processes: directly, or from a fork server that has torch imported already. Blocking."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Protocol

from engine.processes.child_environment import worker_environment
from engine.processes.child_main import FORK, WORKER, LaunchOptions
from engine.processes.head_start import Begun, HeadStart
from engine.processes.interpreters import run_in_child
from engine.processes.remote_devices import driver_environment, is_remote

log = logging.getLogger(__name__)

_WORK = "from engine.processes.child_main import work; work"
_SERVE_FORKS = "from engine.processes.child_main import serve_forks; serve_forks"


class Child(Protocol):
    """A process that was started."""

    @property
    def pid(self) -> int:
        """Its id, which is also that of its process group."""
        ...

    def wait(self) -> int:
        """Block until it is gone and reaped; its exit code, negative for a signal."""
        ...


class Spawner(Protocol):
    """Starts workers; called on threads."""

    def begin(self) -> None:
        """Do what the first start has to wait for in a process of its own; returns at once. Raises `OSError`."""
        ...

    def spawn(self, pipe: Connection) -> Child:
        """Start a worker at the other end of this pipe. Raises `OSError`."""
        ...

    def close(self) -> None:
        """Start no more."""
        ...


def spawner(launch: LaunchOptions, head_start: HeadStart | None = None) -> Spawner:
    """The fastest safe way to start workers: a fork server for CPU workers on Linux, else a fresh interpreter each.

    A process that has used an accelerator, or Apple's frameworks, cannot be forked safely. `head_start` may have begun
    the fork server.
    """
    if is_remote(launch.device):
        return Direct(driver_environment(launch.settings, launch.device))
    environment = worker_environment(launch.settings, launch.device)
    if launch.device.startswith("cpu") and sys.platform == "linux":
        return ForkServer(environment, launch, head_start)
    return Direct(environment)


class Direct:
    """Starts each worker as a fresh interpreter, which takes seconds to import torch."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    def begin(self) -> None:
        """Nothing can be done before there is a pipe."""

    def spawn(self, pipe: Connection) -> Child:
        """Start an interpreter."""
        return run_in_child(_WORK, pipe, self._environment)

    def close(self) -> None:
        """Nothing is kept."""


@dataclass(frozen=True)
class _Forked:
    pid: int
    fork_server: ForkServer

    def wait(self) -> int:
        return self.fork_server.wait(self.pid)


class ForkServer:
    """A process that has torch imported and forks workers in milliseconds; it is replaced when it fails."""

    def __init__(self, environment: dict[str, str], launch: LaunchOptions, head_start: HeadStart | None = None) -> None:
        self._environment, self._launch = environment, launch
        self._head_start = head_start if launch.entry == WORKER else None
        self._direct: Direct | None = None
        self._is_warm = False
        self._lock = threading.Lock()
        self._control: Connection | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._is_closed = False

    def begin(self) -> None:
        """Start the process and its imports."""
        with self._lock:
            if not self._is_closed and not self._control:
                self._begin()

    def spawn(self, pipe: Connection) -> Child:
        """Fork a worker; the first call waits for the imports."""
        with self._lock:
            try:
                return self._fork(pipe)
            except (OSError, EOFError) as error:
                self._end()
                # After a timeout the fork may still have happened: no second worker on the same pipe.
                if self._is_closed or isinstance(error, TimeoutError):
                    raise
                return self._fork(pipe)

    def wait(self, pid: int) -> int:
        """Reap a worker and return its exit code; -1 when the fork server is gone, which alone knows it."""
        with self._lock:
            try:
                if self._control:
                    self._control.send(pid)
                    return self._answer(self._control, self._launch.settings.stall_timeout_s)
            except (OSError, EOFError):
                self._end()
        return -1

    def close(self) -> None:
        """End the fork server, also while it still imports; its workers are not touched."""
        self._is_closed = True
        self._kill()  # before the lock: this lets go of a spawn that waits for the imports under it
        with self._lock:
            self._end()

    def _fork(self, pipe: Connection) -> Child:
        control = self._control or self._begin()
        if not self._is_warm:
            self._await_imports(control)
        if self._direct:
            return self._direct.spawn(pipe)
        control.send(FORK)
        reduction.send_handle(control, pipe.fileno(), None)
        return _Forked(self._answer(control, self._launch.settings.stall_timeout_s), self)

    def _begin(self) -> Connection:
        self._control, self._process = self._taken_over() or self._started()
        self._control.send(self._launch)
        return self._control

    def _taken_over(self) -> Begun | None:
        """What was begun before anything was known of the settings, once."""
        head_start, self._head_start = self._head_start, None
        return head_start.take(self._environment) if head_start else None

    def _started(self) -> Begun:
        control, theirs = multiprocessing.Pipe()
        with theirs:
            return control, run_in_child(_SERVE_FORKS, theirs, self._environment)

    def _await_imports(self, control: Connection) -> None:
        if (threads := self._answer(control, self._launch.settings.load_timeout_s)) > 1:
            log.warning("workers cannot be forked: an import has started %d threads", threads)
            self._direct = Direct(self._environment)
        self._is_warm = True

    def _answer(self, control: Connection, within_s: float) -> int:
        if not control.poll(within_s):
            raise TimeoutError("the fork server does not answer")
        return control.recv()

    def _end(self) -> None:
        self._is_warm = False
        if self._control:
            self._control.close()
            self._control = None
        self._kill()
        if self._process:
            self._process.wait()
            self._process = None

    def _kill(self) -> None:
        if (process := self._process) and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
