"""A snapshot of the engine for status pages and metrics."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from engine.events import Queued


class EngineState(enum.StrEnum):
    """The state of the engine."""

    STOPPED = "stopped"
    RUNNING = "running"
    PAUSED = "paused"
    """Requests are accepted and wait."""
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class DeviceSnapshot:
    """One device and its worker."""

    name: str
    state: str
    pid: int | None
    running: tuple[str, ...]
    """Ids of the requests with a lane here."""
    models: dict[str, int]
    """Bytes by model in the worker's memory."""
    memory_bytes: int
    activity: str
    failures: int
    """Workers lost since the latest completed step on this device."""
    refused_messages: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole engine."""

    state: EngineState
    devices: tuple[DeviceSnapshot, ...]
    waiting: dict[str, Queued]
    """By request id, in the order in which they would start now."""
    running: tuple[str, ...]
    served_ms: dict[str, float]
    """Measured device time by member."""

    @property
    def is_ready(self) -> bool:
        """At least one device can take requests."""
        return self.state is EngineState.RUNNING and any(device.state == "ready" for device in self.devices)
