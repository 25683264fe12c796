"""The far end of a remote device: one worker process on a node, inside a Ray actor that lives while it is asked."""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from engine.processes.child_environment import worker_environment
from engine.processes.child_main import LaunchOptions
from engine.processes.outbox import put_latest
from engine.processes.protocol import FromWorker, ToWorker
from engine.processes.spawning import Direct
from engine.processes.worker_process import WorkerProcess

HOLD_S = 1.0
"""How long a question waits for an answer; then it is asked again, which is also the sign that somebody still asks."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the worker said since the last question; `exit_code` once it is gone and has nothing more to say."""

    messages: tuple[FromWorker, ...]
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """Where the actor came to life, and which Darkroom it runs."""

    name: str
    fingerprint: str


class RemoteWorker:
    """An async Ray actor, but plain Python. Its worker ends with it, and it ends `lease_s` after the last question."""

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._waiting: deque[FromWorker] = deque()
        self._changed = asyncio.Event()
        self._process: WorkerProcess | None = None
        self._exit_code: int | None = None
        self._expiry: asyncio.TimerHandle | None = None

    async def meet(self) -> Node:
        """Return the node and the engine's fingerprint, and begin the lease."""
        self._renew()
        return Node(platform.node(), fingerprint())

    async def start(self, launch: LaunchOptions) -> None:
        """Start the worker, on whatever Ray gave to this actor."""
        self._process = WorkerProcess(launch, Direct(worker_environment(launch.settings, launch.device)), self)

    async def tell(self, messages: tuple[ToWorker, ...]) -> None:
        """Pass these on, in order."""
        if self._process:
            for message in messages:
                self._process.send(message)

    async def listen(self) -> Heard:
        """Everything the worker has said since; waits a moment when that is nothing. Renews the lease."""
        self._renew()
        try:
            async with asyncio.timeout(HOLD_S):
                await self._changed.wait()
        except TimeoutError:
            return Heard(())
        self._changed.clear()
        messages = tuple(self._waiting)
        self._waiting.clear()
        return Heard(messages, self._exit_code)

    def hear(self, process: WorkerProcess, message: FromWorker) -> None:
        """The worker said something."""
        put_latest(self._waiting, message)
        self._changed.set()

    def ended(self, process: WorkerProcess, exit_code: int) -> None:
        """The worker is gone."""
        self._exit_code = exit_code
        self._changed.set()

    def _renew(self) -> None:
        if self._expiry:
            self._expiry.cancel()
        self._expiry = asyncio.get_running_loop().call_later(self._lease_s, self._expire)

    def _expire(self) -> None:
        """End the actor when the lease has run out, so that the device is free again."""
        if self._process:
            self._process.kill()
        os._exit(1)


def fingerprint() -> str:
    """Of the engine's source and presets: machines whose engines differ must not draw for one another."""
    digest, engine = hashlib.sha256(), Path(__file__).parents[1]
    for path in sorted((*engine.rglob("*.py"), *engine.glob("*.toml"))):
        digest.update(path.relative_to(engine).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
