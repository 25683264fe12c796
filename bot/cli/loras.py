"""`darkroom loras`: lists, adds, fetches and deletes LoRAs. A running bot sees each change within seconds."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from bot.errors import ConfigError
from bot.settings import load
from engine import Catalogue, CivitaiVersion, LoRACard, files_of_lora, lora_flaw, pull_lora

app = typer.Typer(help="List, show, add, pull and remove LoRAs.", no_args_is_help=True)
Config = Annotated[Path | None, typer.Option(help="Configuration file.")]
Name = Annotated[str, typer.Argument(help="A name from `darkroom loras list`.")]

COLUMNS = ("LoRA", "for", "trigger words", "size", "licence", "state")
CIVITAI_TOKEN = "CIVITAI_TOKEN"  # noqa: S105 - a variable's name
_SITE = "https://civitai.com"


@app.command("list")
def list_loras(config: Config = None) -> None:
    """List every LoRA: the model it is for, its trigger words, size and licence, and why one cannot be used."""
    settings = load(config).engine
    cards = Catalogue(settings).loras()
    if not cards:
        typer.echo(f"No LoRAs are here. Put .safetensors files into {settings.loras_dir}, or: darkroom loras add FILE")
        return
    table = Table(Column(COLUMNS[0], overflow="fold"), *COLUMNS[1:])
    for card in cards:
        table.add_row(*map(escape, _row(card)))
    console = Console()
    console.print(table, width=None if console.is_terminal else 160)


def _row(card: LoRACard) -> tuple[str, ...]:
    state = card.refusal or "; ".join(card.notes) or "ready"
    words, size = ", ".join(card.told.trigger_words), f"{card.bytes / 1e6:.1f} MB"
    return card.name, card.made_for or "not stated", words, size, card.told.licence or "not stated", state


@app.command()
def show(name: Name, config: Config = None) -> None:
    """Show everything that is known of one LoRA."""
    card = _known(Catalogue(load(config).engine), name)
    for title, word in zip(COLUMNS, _row(card), strict=True):
        typer.echo(f"{title}: {word}")
    typer.echo(f"description: {card.told.description or 'none'}")
    typer.echo(f"sample: {card.sample or ('in the file' if card.told.thumbnail else 'drawn when members ask')}")
    typer.echo(f"file: {card.settings.path}")


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A .safetensors file.")],
    name: Annotated[str, typer.Option(help="Its name for members; by default the file's.")] = "",
    config: Config = None,
) -> None:
    """Copy a LoRA file into the folder of LoRAs, with its sidecars and sample pictures."""
    folder = load(config).engine.loras_dir
    stem = name or file.stem
    if Path(stem).name != stem:
        raise ConfigError("--name", f"{stem!r} leads out of the folder of LoRAs")
    if why := lora_flaw(file, stem):
        raise ConfigError(str(file), why)
    target = folder / f"{stem}.safetensors"
    if target.exists():
        raise ConfigError("--name", f"{target} is there already; choose another name, or: darkroom loras rm {stem}")
    folder.mkdir(parents=True, exist_ok=True)
    for each in (*files_of_lora(file)[1:], file):  # what describes it first: it is offered whole
        part = folder / f".{stem}.part"
        shutil.copyfile(each, part)
        part.replace(folder / (stem + each.name.removeprefix(file.stem)))
    typer.echo(f"{stem} was added; members use it with --lora {stem}")


@app.command("rm")
def remove(name: Name, config: Config = None) -> None:
    """Delete a LoRA of the folder, with what lies beside it."""
    card = _known(Catalogue(load(config).engine), name)
    if not card.is_in_folder:
        raise ConfigError(f"engine.loras.{name}", "this LoRA stands in the configuration; remove its section there")
    for each in files_of_lora(card.settings.path):
        each.unlink(missing_ok=True)
    typer.echo(f"{name} was deleted, which freed {card.bytes / 1e6:.1f} MB")


@app.command()
def pull(
    source: Annotated[str, typer.Argument(help="civitai:ID@VERSION; both numbers stand in the page's address.")],
    site: Annotated[str, typer.Option(help="Address of the site, for a mirror.")] = _SITE,
    config: Config = None,
) -> None:
    """Download a LoRA from Civitai and compare its SHA-256; CIVITAI_TOKEN is sent where it is set."""
    settings = load(config).engine
    wanted = CivitaiVersion.parse(source)
    if wanted is None:
        raise ConfigError("--source", f"{source!r} names no version; write civitai:ID@VERSION, civitai:12345@67890")
    if settings.offline:
        raise ConfigError("engine.offline", "nothing is downloaded while it is true")
    token = os.environ.get(CIVITAI_TOKEN, "").strip()
    path = asyncio.run(pull_lora(wanted, settings.loras_dir, site=site.rstrip("/"), token=token))
    typer.echo(f"{path.stem} was pulled; members use it with --lora {path.stem}")


def _known(catalogue: Catalogue, name: str) -> LoRACard:
    found = [card for card in catalogue.loras() if card.name == name]
    if not found:
        known = ", ".join(card.name for card in catalogue.loras()) or "none"
        raise ConfigError("--name", f"no LoRA named {name!r}; known: {known}")
    return min(found, key=lambda card: bool(card.refusal))
