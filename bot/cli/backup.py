"""`darkroom backup` and `darkroom restore`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from bot.settings import load

Config = Annotated[Path | None, typer.Option(help="Configuration file.")]


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write, for example darkroom.zip.")], config: Config = None
) -> None:
    """Copy database and pictures into one file; the bot may run meanwhile."""
    from bot.store.backup import backup as backups

    done = asyncio.run(backups.backup(load(config), file))
    typer.echo(done)


def restore(
    file: Annotated[Path, typer.Argument(help="A file made by `darkroom backup`.")], config: Config = None
) -> None:
    """Restore a backup while the bot is stopped; the data from before is kept in a folder beside it."""
    from bot.store.backup import restore as restores

    done = asyncio.run(restores.restore(load(config), file))
    typer.echo(done)
