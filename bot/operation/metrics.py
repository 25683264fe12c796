"""The numbers behind /metrics: what the engine, the queue, the database and the disk say now."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

from bot.operation.http import Health, Metric
from bot.operation.lag import LoopLag
from bot.store.members.statistics import Statistics
from bot.store.unreadable import UnreadableRows
from engine import Engine

Latency = Callable[[], float | None]
"""The gateway's latency in seconds; None while it is not connected."""


class Gauges:
    """Read when somebody asks; nothing is counted twice."""

    def __init__(
        self, engine: Engine, numbers: Statistics, data_dir: Path, latency_s: Latency, unreadable: UnreadableRows
    ) -> None:
        self._engine, self._numbers, self._data_dir, self._latency_s = engine, numbers, data_dir, latency_s
        self._unreadable = unreadable
        self.lag = LoopLag()

    async def health(self) -> Health:
        """Ready means: a device takes requests and the gateway is connected."""
        if not self._engine.snapshot().is_ready:
            return Health(False, "no device is ready")
        return Health(True) if self._latency_s() is not None else Health(False, "not connected to Discord")

    async def read(self) -> Iterable[Metric]:
        """All of them."""
        ended = await self._numbers.outcomes()
        counters = [
            Metric("darkroom_jobs", "Jobs that ended, since the database was made.", ended.get(name, 0), label)
            for name in ("delivered", "failed", "cancelled")
            for label in [(("outcome", name),)]
        ]
        return [*counters, *self._set_aside(), *self._of_engine(), *self._of_host()]

    def _set_aside(self) -> Iterable[Metric]:
        for table in ("jobs", "outbox"):
            found, label = len(self._unreadable.ids(table)), (("table", table),)
            yield Metric("darkroom_unreadable_rows", "Rows set aside that this version cannot read.", found, label)

    def _of_engine(self) -> Iterable[Metric]:
        snapshot = self._engine.snapshot()
        yield Metric("darkroom_queue_jobs", "Requests that wait.", len(snapshot.waiting), (("lane", "waiting"),))
        yield Metric("darkroom_queue_jobs", "Requests that wait.", len(snapshot.running), (("lane", "running"),))
        for device in snapshot.devices:
            label = (("worker", device.name),)
            yield Metric("darkroom_worker_up", "Whether the worker takes requests.", device.state == "ready", label)
            yield Metric("darkroom_worker_failures", "Workers lost since a request last ended.", device.failures, label)
            refused = "Messages of older epochs that were not believed."
            yield Metric("darkroom_fenced_messages", refused, device.refused_messages, label)
            for model, size in device.models.items():
                yield Metric("darkroom_model_bytes", "Weights in memory.", size, (*label, ("model", model)))

    def _of_host(self) -> Iterable[Metric]:
        free = shutil.disk_usage(self._data_dir).free
        yield Metric("darkroom_storage_free_bytes", "Free space where everything is kept.", free)
        latency = self._latency_s()
        if latency is not None:
            yield Metric("darkroom_gateway_latency_seconds", "Heartbeat to acknowledgement.", latency)
        for share in (0.5, 0.99):
            if (lag := self.lag.quantile(share)) is not None:
                late = "How late the event loop was in the last minute."
                yield Metric("darkroom_event_loop_lag_seconds", late, lag, (("quantile", str(share)),))
        version = (("version", metadata.version("darkroom")),)
        yield Metric("darkroom_build_info", "Always 1.", 1, version)
