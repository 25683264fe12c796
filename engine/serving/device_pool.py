"""The devices: which of them takes a request, and the epoch of each assignment (a fencing token)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence

from engine.errors import AbortReason
from engine.processes.child_main import WORKER, LaunchOptions
from engine.processes.spawning import Spawner, spawner
from engine.requests import ImageRequest
from engine.serving.device_supervisor import Assignment, DeviceState, DeviceSupervisor, DispatcherCallbacks
from engine.settings import EngineSettings
from engine.snapshot import DeviceSnapshot


class DevicePool:
    """Worker processes, one for each device, of this machine or of a cluster."""

    def __init__(
        self,
        names: Sequence[str],
        settings: EngineSettings,
        dispatcher: DispatcherCallbacks,
        entry: str = WORKER,
        spawner: Callable[[LaunchOptions], Spawner] = spawner,
    ) -> None:
        self.devices = tuple(DeviceSupervisor(name, settings, dispatcher, entry, spawner) for name in names)
        self._settings = settings
        self._epochs = itertools.count(1)

    def start(self) -> None:
        """Start a worker on every device."""
        for device in self.devices:
            device.start()

    async def stop(self) -> None:
        """End all workers; returns when every process is gone."""
        await asyncio.gather(*(device.stop() for device in self.devices))

    @property
    def is_lost(self) -> bool:
        """Have the workers of every device kept failing?"""
        return all(device.state is DeviceState.LOST for device in self.devices)

    def place(self, request: ImageRequest, exclusive: bool = False) -> DeviceSupervisor | None:
        """The device for this request: with its model in memory, else with the fewest lanes; None if all are full."""
        free = [device for device in self.devices if self._has_room(device, exclusive)]
        return min(free, key=lambda device: self._cost(device, request.model), default=None)

    def admit(
        self,
        device: DeviceSupervisor,
        request: ImageRequest,
        *,
        served_ms: float,
        waited_s: float,
        exclusive: bool = False,
    ) -> Assignment:
        """Open a lane on the device under a new epoch."""
        assignment = Assignment(request, next(self._epochs), served_ms, waited_s, exclusive)
        device.admit(assignment)
        return assignment

    def holds(self, request_id: str) -> bool:
        """Does any device have a lane of this request, also one that is being unwound?"""
        return any(request_id in device.lanes for device in self.devices)

    def cancel(self, request_id: str, reason: AbortReason) -> None:
        """Unwind the request's lane, wherever it is."""
        for device in self.devices:
            device.cancel(request_id, reason)

    def load(self, model: str) -> None:
        """Have a model loaded on every device."""
        for device in self.devices:
            device.load(model)

    def snapshots(self) -> tuple[DeviceSnapshot, ...]:
        """The present state of each device."""
        return tuple(
            DeviceSnapshot(
                name=device.name,
                state=device.state.value,
                pid=device.pid,
                running=tuple(device.lanes),
                models=dict(device.models),
                memory_bytes=device.memory_bytes,
                activity=str(device.health.beat),
                failures=device.backoff.failures,
                refused_messages=device.refused,
            )
            for device in self.devices
        )

    def _has_room(self, device: DeviceSupervisor, exclusive: bool) -> bool:
        limit = (
            1
            if exclusive or any(assignment.exclusive for assignment in device.lanes.values())
            else self._settings.max_lanes
        )
        return device.state is DeviceState.READY and len(device.lanes) < limit

    def _cost(self, device: DeviceSupervisor, model: str) -> tuple[float, int]:
        """The sort key of `place`: loading a model costs as much as half the lanes of a device."""
        is_cold = model not in device.models and all(
            assignment.request.model != model for assignment in device.lanes.values()
        )
        return len(device.lanes) + (self._settings.max_lanes / 2 if is_cold else 0.0), len(device.models)
