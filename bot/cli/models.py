"""`darkroom models`: lists, downloads, verifies and deletes models."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from bot.cli.model_plans import fits_in_words, plan_table, warning
from bot.settings import load
from engine import (
    Catalogue,
    ModelLoadFailed,
    ModelSpec,
    device_here,
    discard_files,
    files_needed_elsewhere,
    forget_model,
    pulled_files,
)

app = typer.Typer(help="List, show, pull, verify and remove models.", no_args_is_help=True)
Config = Annotated[Path | None, typer.Option(help="Configuration file.")]
Name = Annotated[str, typer.Argument(help="A name from `darkroom models list`.")]


COLUMNS = ("model", "here", "size", "steps", "memory", "fits here", "licence")


@app.command("list")
def list_models(config: Config = None) -> None:
    """List every model: whether it is installed, its size in pixels, steps, memory, whether it fits here, licence."""
    settings = load(config).engine
    catalogue, here = Catalogue(settings), device_here(settings)
    table = Table(Column(COLUMNS[0], no_wrap=True), *COLUMNS[1:])
    for name in catalogue.names():
        try:
            spec = catalogue.spec(name)
            table.add_row(*_row(catalogue, spec, fits_in_words(spec, here, settings.models_dir)))
        except ModelLoadFailed as error:
            table.add_row(name, "broken", "", "", "", "", error.why)
    console = Console()
    console.print(table, width=None if console.is_terminal else 160)


def _row(catalogue: Catalogue, spec: ModelSpec, fits: str) -> tuple[str, ...]:
    memory = f"{spec.memory_gb:g} GB" if spec.memory_gb else "?"
    here = "yes" if catalogue.is_present(spec) else "no"
    return spec.name, here, f"{spec.width}x{spec.height}", str(spec.num_inference_steps), memory, fits, spec.licence


ConfigOnly = Annotated[
    bool, typer.Option("--config-only", help="Only configurations and vocabularies, which a model in one file needs.")
]


@app.command()
def pull(name: Name, config_only: ConfigOnly = False, config: Config = None) -> None:
    """Download a model's weights (safetensors only); an interrupted download continues."""
    settings = load(config).engine
    spec = Catalogue(settings).spec(name)
    if not config_only and (said := warning(spec, device_here(settings), settings.models_dir)):
        typer.echo(said, err=True)
        if sys.stdin.isatty():
            typer.confirm("Download it all the same?", abort=True)
    command = [sys.executable, "-m", "engine.catalogue.pull", name, "--settings", settings.model_dump_json()]
    command += ["--config-only"] * config_only
    raise typer.Exit(subprocess.run(command, check=False).returncode)  # noqa: S603 - our own module, checked name


@app.command()
def show(name: Name, config: Config = None) -> None:
    """Show one model, its memory plan for this machine and for cards of 8 to 48 GB, and the files pulled for it."""
    settings = load(config).engine
    catalogue = Catalogue(settings)
    spec = catalogue.spec(name)
    here = device_here(settings)
    fits = fits_in_words(spec, here, settings.models_dir)
    for title, word in zip(COLUMNS, _row(catalogue, spec, fits), strict=True):
        typer.echo(f"{title}: {word}")
    typer.echo(f"pipeline: {spec.pipeline or 'known once the model is installed'}")
    for source in spec.sources:
        at = f" at {source.revision}" if source.revision else ""
        typer.echo(f"from: {source.location}{at}")
    if table := plan_table(spec, here, settings.models_dir):
        console = Console()
        console.print(table, width=None if console.is_terminal else 160)
    for file in pulled_files(spec, settings.models_dir):
        typer.echo(f"  {file.bytes / 1e6:10.1f} MB  {file.repository}/{file.path}")


@app.command()
def verify(name: Name, config: Config = None) -> None:
    """Compare a pulled model's files with their hashes; damaged files are deleted; `pull` fetches them again."""
    settings = load(config).engine
    files = pulled_files(Catalogue(settings).spec(name), settings.models_dir, check=True)
    if not files:
        typer.echo(f"{name}: no files were pulled for this model, so there is nothing to verify")
        return
    damaged = [file for file in files if file.flaw]
    for file in damaged:
        typer.echo(f"{file.repository}/{file.path} {file.flaw}")
    if damaged:
        discard_files(damaged, settings.models_dir)
        typer.echo(f"damaged files were deleted; get them again with: darkroom models pull {name}")
        raise typer.Exit(1)
    typer.echo(f"{name}: {len(files)} files are unchanged since they were pulled")


@app.command("rm")
def remove(name: Name, config: Config = None) -> None:
    """Delete a pulled model's files, except those that another installed model needs."""
    settings = load(config).engine
    catalogue = Catalogue(settings)
    files = pulled_files(spec := catalogue.spec(name), settings.models_dir)
    shared = files_needed_elsewhere(spec, _readable(catalogue), settings.models_dir)
    for repository in sorted({file.repository for file in files}):
        if other := shared.get(repository):
            typer.echo(f"{repository} stays: the model {other} needs it")
            continue
        forget_model(repository, settings.models_dir)
        freed = sum(file.bytes for file in files if file.repository == repository)
        typer.echo(f"{repository} was deleted, which freed {freed / 1e9:.1f} GB")
    if not files:
        typer.echo(f"{name}: no files were pulled for this model; delete a folder of your own yourself")


def _readable(catalogue: Catalogue) -> list[ModelSpec]:
    found: list[ModelSpec] = []
    for name in catalogue.names():
        with contextlib.suppress(ModelLoadFailed):
            found.append(catalogue.spec(name))
    return found
