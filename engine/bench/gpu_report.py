"""What the GPU suite found, as tables for people and JSON for machines."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from engine.bench.parts import Knee
from engine.bench.report import Machine


@dataclass(frozen=True, slots=True)
class Throughput:
    """One way to run a queue of requests."""

    model: str
    way: str
    compiled: bool
    images_per_s: float
    mfu: float | None
    """Useful work over the device's peak; None for a device whose peak is not known."""


@dataclass(frozen=True, slots=True)
class Exactness:
    """The engine's pictures beside stock diffusers', both eager, in bfloat16."""

    model: str
    largest_difference: float
    """In levels of 255."""
    psnr_db: float


@dataclass(frozen=True)
class GpuReport:
    """Everything one run measured."""

    device: str
    machine: Machine
    tflop_per_image: dict[str, float]
    throughput: list[Throughput]
    exactness: list[Exactness]
    knees: dict[str, list[Knee]]

    def save(self, file: Path) -> None:
        """Write it as JSON."""
        file.write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")

    def show(self, console: Console) -> None:
        """Print the tables."""
        table = Table("model", "way", "compiled", "images/s", "MFU", title=self.device)
        for each in self.throughput:
            mfu = "" if each.mfu is None else f"{each.mfu:.1%}"
            table.add_row(each.model, each.way, str(each.compiled), f"{each.images_per_s:.3f}", mfu)
        console.print(table)
        for each in self.exactness:
            console.print(f"{each.model}: at most {each.largest_difference:.0f}/255 apart, {each.psnr_db:.1f} dB")
        for model, knees in self.knees.items():
            for each in knees:
                console.print(
                    f"{model} {each.size}: " + ", ".join(f"{rows}: {ms:.1f} ms" for rows, ms in each.ms.items())
                )
