"""`darkroom bench`: the engine and whole calls in line, side by side."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Generator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Protocol

import typer
from rich.console import Console

from engine.bench import STAND_IN
from engine.catalogue.catalogue import Catalogue
from engine.errors import EngineError
from engine.processes.device_names import device_names
from engine.settings import EngineSettings

app = typer.Typer(add_completion=False, help=__doc__)


class Suite(StrEnum):
    """What to measure."""

    LOAD = "load"
    GPU = "gpu"
    STEP_CACHE = "step-cache"
    DEVICES = "devices"
    SHARED_TRANSFER = "shared-transfer"
    KEPT_BLOCKS = "kept-blocks"


class Report(Protocol):
    """What a suite has measured."""

    def show(self, console: Console) -> None:
        """Print it as tables."""
        ...

    def save(self, path: Path, /) -> None:
        """Write it as JSON."""
        ...


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
    if json and not json.absolute().parent.is_dir():
        raise typer.BadParameter(f"{json.parent} is no folder; choose another", param_hint="--json")
    try:
        report = _run(console, suite, model, device, threads, cluster, quick=quick)
    except EngineError as error:
        typer.echo(f"darkroom: {error}", err=True)
        raise typer.Exit(2) from error
    report.show(console)
    if json:
        report.save(json)


def _run(
    console: Console, suite: Suite, model: str, device: str, threads: int | None, cluster: str, *, quick: bool
) -> Report:
    with _status(console) as say, tempfile.TemporaryDirectory() as folder:
        if suite is Suite.LOAD:
            _refuse_unknown(model, device)
            from engine.bench.suite import FULL, QUICK, LoadSuite

            return LoadSuite(model, device, Path(folder), QUICK if quick else FULL, threads, say).run()
        return _measured(suite, say, Path(folder), cluster, quick=quick)


def _refuse_unknown(model: str, device: str) -> None:
    """Before torch is imported, which takes seconds. Raises `UnknownModel` and `DeviceMissing`."""
    settings = EngineSettings(devices=(device,))
    asyncio.run(device_names(settings))
    if model and model != STAND_IN and not Path(model).is_dir():
        Catalogue(settings).spec(model)


def _measured(suite: Suite, say: Callable[[str], None], folder: Path, cluster: str, *, quick: bool) -> Report:
    """Run a suite that chooses its own models; only its modules are imported."""
    if suite is Suite.GPU:
        from engine.bench import gpu

        return gpu.measure(say, miniature=quick)
    if suite is Suite.STEP_CACHE:
        from engine.bench import step_caches

        return step_caches.measure(say, (6,), 2) if quick else step_caches.measure(say)
    if suite is Suite.DEVICES:
        from engine.bench import many_devices

        return many_devices.measure(say, folder, many_devices.QUICK if quick else many_devices.FULL, cluster)
    if suite is Suite.KEPT_BLOCKS:
        from engine.bench import kept_blocks

        return kept_blocks.measure(say, (3.0,), members=4, repeats=1) if quick else kept_blocks.measure(say)
    from engine.bench import shared_transfer

    return shared_transfer.measure(say, (12.0,), members=4, repeats=1) if quick else shared_transfer.measure(say)


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
