"""The metrics of /metrics: engine, queue, database, disk, gateway and event loop."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

import sqlalchemy as sa

from bot.errors import StoreError
from bot.operation.http import Health, Metric
from bot.operation.lag import LoopLag
from bot.store.database import Database
from bot.store.members.statistics import Statistics
from engine import Engine

ANSWERED_S = 3.0
"""A database that takes longer for one row counts as away."""
Latency = Callable[[], float | None]
"""The gateway's latency in seconds; None while it is not connected."""


class Gauges:
    """Reads every metric from its source at the moment of a scrape; keeps only the event loop's lag."""

    def __init__(
        self, engine: Engine, numbers: Statistics, data_dir: Path, latency_s: Latency, database: Database
    ) -> None:
        self._engine, self._numbers, self._data_dir, self._latency_s = engine, numbers, data_dir, latency_s
        self._database = database
        self.lag = LoopLag()

    async def health(self) -> Health:
        """Ready means: a device accepts requests, the gateway is connected, and the database answers in time."""
        if not self._engine.snapshot().is_ready:
            return Health(False, "no device is ready")
        if self._latency_s() is None:
            return Health(False, "not connected to Discord")
        return Health(True) if await self._has_database() else Health(False, "the database does not answer")

    async def _has_database(self) -> bool:
        try:
            async with asyncio.timeout(ANSWERED_S), self._database.read() as connection:
                await connection.execute(sa.select(1))
        except (StoreError, TimeoutError):
            return False
        return True

    async def read(self) -> Iterable[Metric]:
        """All metrics."""
        ended = await self._numbers.outcomes()
        counters = [
            Metric(
                "darkroom_jobs",
                "Jobs that ended, by outcome, since the database was created.",
                ended.get(name, 0),
                label,
            )
            for name in ("delivered", "failed", "cancelled")
            for label in [(("outcome", name),)]
        ]
        return [*counters, *self._set_aside(), *self._of_shards(), *self._of_engine(), *self._of_host()]

    def _set_aside(self) -> Iterable[Metric]:
        for table in ("jobs", "outbox"):
            found, label = len(self._database.unreadable.ids(table)), (("table", table),)
            yield Metric("darkroom_unreadable_rows", "Rows set aside that this version cannot read.", found, label)

    def _of_shards(self) -> Iterable[Metric]:
        """Only where several bots share the database: added up over all of them, held should equal all."""
        if (shards := self._database.shards) is not None:
            yield Metric("darkroom_shards_held", "Shards that belong to this bot at the moment.", len(shards.ids))
            yield Metric("darkroom_shards", "Shards of all bots that share the database.", shards.count)

    def _of_engine(self) -> Iterable[Metric]:
        snapshot = self._engine.snapshot()
        yield Metric(
            "darkroom_queue_jobs",
            "Requests in the engine, waiting or running.",
            len(snapshot.waiting),
            (("lane", "waiting"),),
        )
        yield Metric(
            "darkroom_queue_jobs",
            "Requests in the engine, waiting or running.",
            len(snapshot.running),
            (("lane", "running"),),
        )
        for device in snapshot.devices:
            label = (("worker", device.name),)
            yield Metric("darkroom_worker_up", "1 while the worker accepts requests.", device.state == "ready", label)
            yield Metric(
                "darkroom_worker_failures", "Lost workers since a request last finished.", device.failures, label
            )
            refused = "Messages of older epochs that were refused."
            yield Metric("darkroom_fenced_messages", refused, device.refused_messages, label)
            for model, size in device.models.items():
                yield Metric(
                    "darkroom_model_bytes", "Bytes of weights in the device's memory.", size, (*label, ("model", model))
                )

    def _of_host(self) -> Iterable[Metric]:
        free = shutil.disk_usage(self._data_dir).free
        yield Metric("darkroom_storage_free_bytes", "Free bytes on the disk of data_dir.", free)
        latency = self._latency_s()
        if latency is not None:
            yield Metric(
                "darkroom_gateway_latency_seconds", "Seconds from a gateway heartbeat to its acknowledgement.", latency
            )
        for share in (0.5, 0.99):
            if (lag := self.lag.quantile(share)) is not None:
                late = "Event loop lag of the last minute, in seconds."
                yield Metric("darkroom_event_loop_lag_seconds", late, lag, (("quantile", str(share)),))
        version = (("version", metadata.version("darkroom")),)
        yield Metric("darkroom_build_info", "Always 1; the label is the version.", 1, version)
