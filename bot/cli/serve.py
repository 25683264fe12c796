"""`darkroom run` starts the bot on Discord; `darkroom demo` starts it in a local browser page."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer

from bot.errors import ConfigError
from bot.importing import importing
from bot.log import configure
from bot.settings import load
from engine import Engine

Config = Annotated[Path | None, typer.Option(help="Configuration file.")]


def run(context: typer.Context, config: Config = None) -> None:
    """Run the bot. It needs DISCORD_TOKEN. Ctrl-C or SIGTERM stop it; the next start continues its jobs."""
    settings = load(config)
    if not settings.discord.token.get_secret_value():
        raise ConfigError("DISCORD_TOKEN", 'is missing; README, "On your server", says where to get one')
    configure(settings.operation.log_level, settings.operation.log_format)
    engine = Engine(settings.engine)
    with engine.importing(context.obj):  # beside the bot's own imports
        with importing():
            from bot.service import serve

        asyncio.run(serve(settings, engine))


def demo(
    context: typer.Context,
    config: Config = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 chooses a free port.")] = 0,
    data: Annotated[
        Path | None, typer.Option(help="Folder that keeps the pictures; without it they are deleted at the end.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in your browser.")] = True,
) -> None:
    """Open the playground: the real bot behind a page that looks like Discord, without an account."""
    settings = load(config)
    configure("warning", settings.operation.log_format)
    # The playground's library makes a client without intents as it is imported, which discord.py warns of in vain.
    logging.getLogger("discord.state").setLevel(logging.ERROR)
    engine = Engine(settings.engine)
    with engine.importing(context.obj):  # beside the bot's own imports
        try:
            with importing():
                from bot.playground.demo import play
        except ModuleNotFoundError as error:
            remedy = "in Darkroom's folder: pip install -c constraints.txt '.[playground]'"
            raise ConfigError("demo", f"the package {error.name} is missing; {remedy}") from error
        asyncio.run(play(settings, port, data, browser, engine))
