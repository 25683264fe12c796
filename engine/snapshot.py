"""What the engine is doing at one moment, for people and metrics: frozen and plain."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from engine.events import Queued


class EngineState(enum.StrEnum):
    """What the engine can be asked for."""

    STOPPED = "stopped"
    RUNNING = "running"
    PAUSED = "paused"
    """Takes requests, but starts none."""
    DRAINING = "draining"
    """Takes no requests, finishes what it has."""
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
    """Workers lost since one last did a step here."""
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
