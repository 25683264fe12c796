"""One device: its present worker process, the requests in it, and the replacement of workers that die or hang."""

from __future__ import annotations

import asyncio
import enum
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from engine.base.logs import current
from engine.errors import AbortReason, DeviceLost
from engine.processes.child_main import WORKER, LaunchOptions
from engine.processes.protocol import (
    Admit,
    Beat,
    Cancel,
    FromWorker,
    LaneCharged,
    LaneFailed,
    LaneFinished,
    LaneProgress,
    LaneStarted,
    LoadModel,
    ModelsLoaded,
    Ready,
    Stop,
    ToWorker,
)
from engine.processes.remote_devices import DRIVER, is_remote
from engine.processes.spawning import Spawner, spawner
from engine.processes.worker_process import WorkerProcess
from engine.requests import ImageRequest
from engine.serving.worker_health import Backoff, WorkerHealth
from engine.settings import EngineSettings

log = logging.getLogger(__name__)

LaneMessage = LaneStarted | LaneProgress | LaneCharged | LaneFinished | LaneFailed


class DeviceState(enum.StrEnum):
    """The state of a device; only a ready one takes requests."""

    STARTING = "starting"
    READY = "ready"
    BACKING_OFF = "backing off"
    LOST = "lost"
    """Its workers kept failing: starts go on, but requests no longer wait for this device."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A request that was given to a worker, and the epoch under which its messages are believed."""

    request: ImageRequest
    epoch: int
    served_ms: float = 0.0
    waited_s: float = 0.0
    exclusive: bool = False
    """No other lane may run in the worker: this request is suspected of breaking it."""


class DispatcherCallbacks(Protocol):
    """Called on the event loop with what becomes of assignments."""

    def hear(self, device: DeviceSupervisor, assignment: Assignment, message: LaneMessage) -> None:
        """A message of the assignment's own epoch."""
        ...

    def lost(self, device: DeviceSupervisor, lanes: tuple[Assignment, ...], why: str) -> None:
        """The worker and these assignments are lost; `why` is for the log."""
        ...

    def changed(self, device: DeviceSupervisor) -> None:
        """The device may be able to take lanes now, or no longer."""
        ...


class DeviceSupervisor:
    """Keeps a worker running on one device."""

    def __init__(
        self,
        name: str,
        settings: EngineSettings,
        dispatcher: DispatcherCallbacks,
        entry: str = WORKER,
        spawner: Callable[[LaunchOptions], Spawner] = spawner,
    ) -> None:
        self.name, self.state = name, DeviceState.STARTING
        self.lanes: dict[str, Assignment] = {}
        self.models: dict[str, int] = {}
        """Bytes by model in the worker's memory."""
        self.memory_bytes = 0
        self.health = WorkerHealth(settings)
        self.backoff = Backoff()
        self.refused = 0
        """How many messages were ignored because their epoch was over."""
        self._settings, self._dispatcher = settings, dispatcher
        first, behind = (DRIVER, entry) if is_remote(name) else (entry, "")
        self._launch = LaunchOptions(first, settings, name, current(), behind)
        self._spawner = spawner(self._launch)
        self._process: WorkerProcess | None = None
        self._restart: asyncio.TimerHandle | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The worker's process id, while there is one."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the first worker, and begin to check its health."""
        self._begin()
        self._watching = asyncio.create_task(self._watch(), name=f"watch {self.name}")

    def admit(self, assignment: Assignment) -> None:
        """Open a lane in the worker."""
        self.lanes[assignment.request.id] = assignment
        self.health.lane_sign_s = time.monotonic()
        self._send(Admit(assignment.request, assignment.epoch, assignment.served_ms, assignment.waited_s))

    def cancel(self, request_id: str, reason: AbortReason) -> None:
        """Ask the worker to unwind a lane; it counts as running until the worker confirms."""
        if assignment := self.lanes.get(request_id):
            self._send(Cancel(request_id, assignment.epoch, reason))

    def load(self, model: str) -> None:
        """Have a model loaded before the first request for it."""
        self._send(LoadModel(model))

    async def stop(self, timeout_s: float = 2.0) -> None:
        """Ask the worker to exit; kill it after `timeout_s` seconds."""
        self.state = DeviceState.STOPPED
        if self._watching:
            self._watching.cancel()
        if self._restart:
            self._restart.cancel()
        if self._process and self._process.pid is None:
            self._process.kill()  # it still starts and is no longer needed
            await asyncio.to_thread(self._spawner.close)
        if self._process:
            await self._end(self._process, timeout_s)
        await asyncio.to_thread(self._spawner.close)

    def hear(self, process: WorkerProcess, message: FromWorker) -> None:
        """Handle a message of the present worker; one about a lane counts only under the lane's present epoch."""
        if process is not self._process or self.state is DeviceState.STOPPED:
            self.refused += 1
            return
        match message:
            case Ready():
                self._become_ready(message)
            case Beat():
                self.health.beat = message
            case ModelsLoaded():
                self.models = dict(message.models)
            case _:
                self._hear_lane(message)

    def ended(self, process: WorkerProcess, exit_code: int) -> None:
        """Note that a process ended; the present one is replaced, because it was not asked to end."""
        if process is self._process and self.state is not DeviceState.STOPPED:
            self._replace(f"its process ended with code {exit_code}")

    async def _end(self, process: WorkerProcess, timeout_s: float) -> None:
        process.send(Stop())
        try:
            async with asyncio.timeout(timeout_s):
                await process.gone.wait()
        except TimeoutError:
            process.kill()
            await process.gone.wait()

    def _begin(self) -> None:
        self._restart = None
        if self.state is not DeviceState.LOST:
            self.state = DeviceState.STARTING
        self.models, self.health = {}, WorkerHealth(self._settings)
        self._process = WorkerProcess(self._launch, self._spawner, self)

    def _become_ready(self, ready: Ready) -> None:
        self.state, self.memory_bytes, self.health.is_up = DeviceState.READY, ready.memory_bytes, True
        log.info("worker for %s is ready", self.name, extra={"action": "worker_ready", "pid": ready.pid})
        self._dispatcher.changed(self)

    def _hear_lane(self, message: LaneMessage) -> None:
        self.health.lane_sign_s = time.monotonic()
        assignment = self.lanes.get(message.request_id)
        if assignment is None or assignment.epoch != message.epoch:
            self.refused += 1
        elif isinstance(message, LaneFailed) and isinstance(message.error, DeviceLost):
            self._replace(str(message.error))
        else:
            if isinstance(message, LaneFinished | LaneFailed):
                del self.lanes[message.request_id]
            self.backoff.worked()
            self._dispatcher.hear(self, assignment, message)

    def _send(self, message: ToWorker) -> None:
        if self._process:
            self._process.send(message)

    def _replace(self, why: str) -> None:
        """Kill the present worker, report its assignments as lost, and start another after the backoff."""
        if self._process:
            self._process.kill()
        self._process = None
        delay_s = self.backoff.count_loss(was_up=self.health.is_up)
        self.state = DeviceState.LOST if self.backoff.is_hopeless else DeviceState.BACKING_OFF
        self._restart = asyncio.get_running_loop().call_later(delay_s, self._begin)
        lanes = tuple(self.lanes.values())
        self.lanes.clear()
        log.error("worker for %s is replaced: %s", self.name, why, extra={"action": "worker_replaced"})
        self._dispatcher.lost(self, lanes, why)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self._settings.stall_timeout_s / 8))
            if self._process and (why := self._check(self._process)):
                self._replace(why)

    def _check(self, process: WorkerProcess) -> str | None:
        return self.health.check(time.monotonic(), process.last_sign_s, has_lanes=bool(self.lanes))
