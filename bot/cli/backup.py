"""`darkroom backup` and `darkroom restore`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from bot.settings import load

Config = Annotated[Path | None, typer.Option(help="Configuration file.")]


def backup(
    file: Annotated[Path, typer.Argument(help="Where to write, for example darkroom.zip.")], config: Config = None
) -> None:
    """Copy database and pictures into one file, also while the bot runs."""
    from bot.store.backup import backup as backups

    done = asyncio.run(backups.backup(load(config), file))
    typer.echo(done)


def restore(
    file: Annotated[Path, typer.Argument(help="A file made by `darkroom backup`.")], config: Config = None
) -> None:
    """Put a backup back, with the bot stopped; what was there before is kept beside it."""
    from bot.store.backup import restore as restores

    done = asyncio.run(restores.restore(load(config), file))
    typer.echo(done)
