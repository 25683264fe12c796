"""One worker process behind a pipe. Two threads, so that neither a silent nor a full pipe blocks the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Protocol

from engine.processes.child_main import LaunchOptions
from engine.processes.protocol import FromWorker, ToWorker
from engine.processes.spawning import Child, Spawner

log = logging.getLogger(__name__)


class Owner(Protocol):
    """Called on the event loop with a process's messages, and when it ended."""

    def hear(self, process: WorkerProcess, message: FromWorker) -> None:
        """One message came over the pipe."""
        ...

    def ended(self, process: WorkerProcess, exit_code: int) -> None:
        """The process was reaped; no message follows."""
        ...


class WorkerProcess:
    """Starts at once; `send` and `kill` return at once; made and used on the event loop."""

    def __init__(self, launch: LaunchOptions, spawner: Spawner, owner: Owner) -> None:
        self._loop = asyncio.get_running_loop()
        self._owner, self._spawner, self._name = owner, spawner, launch.device
        self._outbox: queue.SimpleQueue[LaunchOptions | ToWorker | None] = queue.SimpleQueue()
        self._outbox.put(launch)
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._is_unwanted = self._is_reaped = False
        self.last_sign_s = time.monotonic()
        """`time.monotonic` of the latest message; set by the reader thread, so that a busy loop delays nothing."""
        self.gone = asyncio.Event()
        threading.Thread(target=self._live, name=f"worker {self._name}", daemon=True).start()

    @property
    def pid(self) -> int | None:
        """The process id, once it runs."""
        return self._child.pid if self._child else None

    def send(self, message: ToWorker) -> None:
        """Queue a message for the worker; what a dead worker did not read is dropped."""
        self._outbox.put(message)

    def kill(self) -> None:
        """End the process and its children with SIGKILL, which also ends a frozen one."""
        with self._lock:
            self._is_unwanted = True
            if self._child and not self._is_reaped:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._child.pid, signal.SIGKILL)

    def _live(self) -> None:
        exit_code = -1
        try:
            ours, theirs = multiprocessing.Pipe()
            with ours:
                exit_code = self._live_at(ours, theirs)
        except (OSError, EOFError) as error:
            if not self._is_unwanted:
                log.error("no worker for %s could be started: %s", self._name, error)
        finally:
            self._post(self._farewell, exit_code)

    def _live_at(self, ours: Connection, theirs: Connection) -> int:
        writer = threading.Thread(target=self._write, args=(ours,), name=f"to worker {self._name}", daemon=True)
        try:
            self._begin(theirs)
            writer.start()
            self._read(ours)
        finally:
            exit_code = self._reap()
            self._outbox.put(None)
            if writer.ident:
                writer.join()  # before the close: a thread must not be left writing into a reused descriptor
        return exit_code

    def _begin(self, theirs: Connection) -> None:
        with theirs:
            child = self._spawner.spawn(theirs)
        with self._lock:
            self._child = child
        if self._is_unwanted:
            self.kill()

    def _read(self, connection: Connection) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                messages: tuple[FromWorker, ...] = connection.recv()
                self.last_sign_s = time.monotonic()
                for message in messages:
                    self._post(self._owner.hear, self, message)

    def _write(self, connection: Connection) -> None:
        with contextlib.suppress(OSError):
            while (message := self._outbox.get()) is not None:
                connection.send(message)

    def _reap(self) -> int:
        """End a process whose pipe is closed, if it has not ended yet: without a pipe it is of no use."""
        if self._child is None:
            return -1
        self.kill()
        exit_code = self._child.wait()
        with self._lock:
            self._is_reaped = True
        return exit_code

    def _farewell(self, exit_code: int) -> None:
        self.gone.set()
        self._owner.ended(self, exit_code)

    def _post(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop was closed without `stop`
            self.kill()
