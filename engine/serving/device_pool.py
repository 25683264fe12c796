"""Where requests run: the devices, which of them takes a request, and the epochs that fence off what is over."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

from engine.errors import AbortReason
from engine.processes.child_main import WORKER
from engine.requests import ImageRequest
from engine.serving.device_supervisor import DeviceState, DeviceSupervisor, DispatcherCallbacks, Lane
from engine.settings import EngineSettings


class DevicePool:
    """Worker processes, one for each device, of this machine or of a cluster."""

    def __init__(
        self, names: Sequence[str], settings: EngineSettings, dispatcher: DispatcherCallbacks, entry: str = WORKER
    ) -> None:
        self.devices = tuple(DeviceSupervisor(name, settings, dispatcher, entry) for name in names)
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
        """No device is left that one could wait for."""
        return all(device.state is DeviceState.LOST for device in self.devices)

    def place(self, request: ImageRequest, alone: bool = False) -> DeviceSupervisor | None:
        """The device that should run this request now: its model warm there, else the fewest lanes; None = no room."""
        free = [device for device in self.devices if self._has_room(device, alone)]
        return min(free, key=lambda device: self._cost(device, request.model), default=None)

    def admit(
        self, device: DeviceSupervisor, request: ImageRequest, *, served_ms: float, waited_s: float, alone: bool = False
    ) -> Lane:
        """Open a lane on the device under a new epoch."""
        lane = Lane(request, next(self._epochs), served_ms, waited_s, alone)
        device.admit(lane)
        return lane

    def holds(self, request_id: str) -> bool:
        """Is there a lane of this request somewhere, perhaps one that is being unwound?"""
        return any(request_id in device.lanes for device in self.devices)

    def cancel(self, request_id: str, reason: AbortReason) -> None:
        """Unwind the request's lane, wherever it is."""
        for device in self.devices:
            device.cancel(request_id, reason)

    def load(self, model: str) -> None:
        """Have a model loaded on every device."""
        for device in self.devices:
            device.load(model)

    def _has_room(self, device: DeviceSupervisor, alone: bool) -> bool:
        limit = 1 if alone or any(lane.alone for lane in device.lanes.values()) else self._settings.max_lanes
        return device.state is DeviceState.READY and len(device.lanes) < limit

    def _cost(self, device: DeviceSupervisor, model: str) -> tuple[float, int]:
        """A cold model is worth half the lanes of a device: below that, loading it elsewhere pays off."""
        is_cold = model not in device.models and all(lane.request.model != model for lane in device.lanes.values())
        return len(device.lanes) + (self._settings.max_lanes / 2 if is_cold else 0.0), len(device.models)
