"""`darkroom run` and `darkroom demo`: the bot on Discord, and in your browser."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from bot.errors import ConfigError
from bot.log import configure
from bot.settings import load

Config = Annotated[Path | None, typer.Option(help="Configuration file.")]


def run(config: Config = None) -> None:
    """Run the bot. DISCORD_TOKEN is all it needs; Ctrl-C or SIGTERM stop it, and the next start goes on."""
    settings = load(config)
    if not settings.discord.token.get_secret_value():
        raise ConfigError("DISCORD_TOKEN", 'is missing; README, "On your server", says where to get one')
    configure(settings.operation.log_level, settings.operation.log_format)
    from bot.service import serve

    asyncio.run(serve(settings))


def demo(
    config: Config = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 takes a free one.")] = 0,
    data: Annotated[
        Path | None, typer.Option(help="Keep the pictures here; else they are thrown away at the end.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in your browser.")] = True,
) -> None:
    """Open the playground: the real bot behind a page that looks like Discord, without an account."""
    try:
        from bot.playground.demo import play
    except ModuleNotFoundError as error:
        raise ConfigError("demo", f"{error.name} is missing; pip install 'darkroom[playground]'") from error
    settings = load(config)
    configure("warning", settings.operation.log_format)
    asyncio.run(play(settings, port, data, browser))
