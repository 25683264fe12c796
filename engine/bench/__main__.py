"""`darkroom bench`: the engine and whole calls in line, side by side."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Generator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(add_completion=False, help=__doc__)


class Suite(StrEnum):
    """What to measure."""

    LOAD = "load"
    GPU = "gpu"
    STEP_CACHE = "step-cache"
    DEVICES = "devices"
    SHARED_TRANSFER = "shared-transfer"
    KEPT_BLOCKS = "kept-blocks"


@app.command()
def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="Under a minute on two cores; with `gpu`, in miniature on any device.")
    ] = False,
    json: Annotated[Path | None, typer.Option(help="Also write the figures here.")] = None,
    suite: Annotated[
        Suite,
        typer.Option(
            help="`gpu`: SDXL and Z-Image, random weights; `step-cache`: pocket's pictures; `devices`: 1, 2 and 4 "
            "stand-ins that sleep; `shared-transfer`: a streamed model over a link of set speed; `kept-blocks`: the "
            "same with some blocks on the device."
        ),
    ] = Suite.LOAD,
    cluster: Annotated[str, typer.Option(help="With `devices`: reach them through the Ray whose head is here.")] = "",
    model: Annotated[str, typer.Option(help="A model's name or folder; else pocket, or a small random one.")] = "",
    device: Annotated[str, typer.Option(help="The device, such as cuda:0.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of a worker; all by default.")] = None,
) -> None:
    """Measure the engine against whole calls in line, side by side."""
    console = Console()
    with _status(console) as say, tempfile.TemporaryDirectory() as scratch:
        if suite is Suite.GPU:
            from engine.bench.gpu import measure

            report = measure(say, miniature=quick)
        elif suite is Suite.STEP_CACHE:
            from engine.bench.step_caches import measure as measure_step_cache

            report = measure_step_cache(say, (6,), 2) if quick else measure_step_cache(say)
        elif suite is Suite.DEVICES:
            from engine.bench import many_devices

            effort = many_devices.QUICK if quick else many_devices.FULL
            report = many_devices.measure(say, Path(scratch), effort, cluster)
        elif suite is Suite.SHARED_TRANSFER:
            from engine.bench.shared_transfer import measure as measure_transfer

            report = measure_transfer(say, (12.0,), members=4, repeats=1) if quick else measure_transfer(say)
        elif suite is Suite.KEPT_BLOCKS:
            from engine.bench.kept_blocks import measure as measure_kept

            report = measure_kept(say, (3.0,), members=4, repeats=1) if quick else measure_kept(say)
        else:
            from engine.bench.suite import FULL, QUICK, LoadSuite

            report = LoadSuite(model, device, Path(scratch), QUICK if quick else FULL, threads, say).run()
    report.show(console)
    if json:
        report.save(json)


@contextlib.contextmanager
def _status(console: Console) -> Generator[Callable[[str], None]]:
    """Something that says what goes on: in one line on a terminal, line by line elsewhere."""
    if not console.is_terminal:
        yield console.log
        return
    with console.status("starting") as status:
        yield status.update


if __name__ == "__main__":
    app(prog_name="darkroom bench")
