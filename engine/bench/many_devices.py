"""Whether dispatcher and pipes keep up with many devices: 1, 2 and 4 stand-ins whose denoisers sleep.

Each round submits as many equal requests for each device, all at once. The first round is not counted: in it the
workers load, prove their merges and measure their passes.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from engine.bench.report import Machine
from engine.bench.sleeping_worker import ENTRY, ROW_S
from engine.bench.stand_in import save_stand_in
from engine.bench.traffic import Arrival, drive
from engine.engine import Engine
from engine.requests import ImageRequest
from engine.settings import ClusterSettings, EngineSettings, ModelSettings

MODEL = "stand-in"
EACH = 8
"""Requests for each device and round."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure."""

    steps: int
    rounds: int
    devices: Sequence[int] = (1, 2, 4)


FULL, QUICK = Effort(25, 3), Effort(2, 1, (1, 2))


@dataclass(frozen=True, slots=True)
class Row:
    """So many devices; processor milliseconds are per request and step."""

    devices: int
    steps_per_s: float
    """Request-steps per second, the median of the rounds."""
    times_one: float
    """In multiples of one device's."""
    asleep: float
    """Part of the devices' time in which their denoisers slept."""
    dispatcher_ms: float
    """Of the engine's process, everything included."""
    worker_ms: float
    """Of all its child processes together: pipeline, engine, text encoder, autoencoder, PNG, previews."""


@dataclass(frozen=True, slots=True)
class DevicesReport:
    """The table, and where it was measured."""

    through: str
    machine: Machine
    rows: tuple[Row, ...]

    def show(self, console: Console) -> None:
        """Print it."""
        table = Table(*(field.name for field in dataclasses.fields(Row)), title=f"stand-in devices, {self.through}")
        for row in self.rows:
            table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in _values(row)))
        console.print(table)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", "utf-8")


def measure(say: Callable[[str], None], scratch: Path, effort: Effort, cluster: str = "") -> DevicesReport:
    """Measure each number of devices after another, through Ray where `cluster` is its head's address."""
    machine, folder = Machine.here(), save_stand_in(scratch / MODEL)
    rows: list[Row] = []
    for count in effort.devices:
        say(f"{count} devices")
        settings = _settings(folder, count, cluster, scratch)
        rows.append(asyncio.run(_measure(settings, count, effort, rows[0].steps_per_s if rows else None)))
    return DevicesReport("through Ray" if cluster else "local", machine, tuple(rows))


def _settings(folder: Path, count: int, cluster: str, scratch: Path) -> EngineSettings:
    there = ClusterSettings(address=cluster, workers=count, gpus=0)
    return EngineSettings(
        devices=() if cluster else tuple(f"cpu:{number}" for number in range(count)),
        cluster=there if cluster else ClusterSettings(),
        models={MODEL: ModelSettings(source=str(folder), width=64, height=64, guidance_scale=1.0)},
        default_model=MODEL,
        models_dir=scratch / "models",
        safety=False,
        offline=True,
        threads=1,
        max_waiting=1000,
    )


async def _measure(settings: EngineSettings, count: int, effort: Effort, one: float | None) -> Row:
    like = ImageRequest(prompt="a lighthouse", model=MODEL, num_images=1, num_inference_steps=effort.steps)
    async with Engine(settings, entry=ENTRY) as engine:
        like = (await engine.resolve(like)).request
        await _until_ready(engine, count)
        took_s: list[float] = []
        ours_s = theirs_s = 0.0
        for number in range(effort.rounds + 1):
            arrivals = [Arrival(0.0, f"member {each}", seed=1000 * number + each) for each in range(EACH * count)]
            before, began_s = _processor_s(), time.perf_counter()
            await drive(engine, arrivals, like)
            if number:
                took_s.append(time.perf_counter() - began_s)
                after = _processor_s()
                ours_s, theirs_s = ours_s + after[0] - before[0], theirs_s + after[1] - before[1]
    steps = EACH * count * effort.steps
    rate = steps / statistics.median(took_s)
    made = steps * len(took_s)
    return Row(count, rate, rate / (one or rate), rate * ROW_S / count, 1000 * ours_s / made, 1000 * theirs_s / made)


async def _until_ready(engine: Engine, count: int) -> None:
    while sum(device.state == "ready" for device in engine.snapshot().devices) < count:  # noqa: ASYNC110 - a snapshot
        await asyncio.sleep(0.1)


def _processor_s() -> tuple[float, float]:
    """Processor seconds so far, of this process and of its children."""
    children = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return time.process_time(), sum(times.user + times.system for times in children)


def _values(row: Row) -> tuple[int | float, ...]:
    return dataclasses.astuple(row)
