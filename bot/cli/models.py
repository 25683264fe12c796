"""`darkroom models`: what can draw, what is here, and how to get the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bot.settings import load
from engine.catalogue import Catalogue, ModelSpec

app = typer.Typer(help="Models: list them, pull one.", no_args_is_help=True)
Config = Annotated[Path | None, typer.Option(help="Configuration file.")]


@app.command("list")
def list_models(config: Config = None) -> None:
    """Show every model by name: is it here, how big, under which licence."""
    catalogue = Catalogue(load(config).engine)
    table = Table("model", "here", "size", "steps", "memory", "licence")
    for name in catalogue.names():
        table.add_row(*_row(catalogue, catalogue.spec(name)))
    console = Console()
    console.print(table, width=None if console.is_terminal else 160)


def _row(catalogue: Catalogue, spec: ModelSpec) -> tuple[str, ...]:
    memory = f"{spec.memory_gb:g} GB" if spec.memory_gb else "?"
    here = "yes" if catalogue.is_present(spec) else "no"
    return spec.name, here, f"{spec.width}x{spec.height}", str(spec.num_inference_steps), memory, spec.licence


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help="A name from `darkroom models list`.")], config: Config = None
) -> None:
    """Download a model's weights (safetensors only), with progress; goes on where it stopped."""
    settings = load(config).engine
    Catalogue(settings).spec(name)
    command = [sys.executable, "-m", "engine.pull", name, "--settings", settings.model_dump_json()]
    raise typer.Exit(subprocess.run(command, check=False).returncode)  # noqa: S603 - our own module, checked name
