"""The verbs of the command line. Each imports what it needs when it is called, so that `--help` is instant."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version as installed
from typing import Annotated

import typer

from bot.cli import backup, check, forward, gallery, imagine, loras, models, serve
from bot.errors import BotError, ConfigError
from engine import ClusterRefused, DeviceMissing, EngineError, HeadStart, InvalidRequest

FAILED, ASKED_WRONG, CONFIGURATION_WRONG, INTERRUPTED = 1, 2, 78, 130

app = typer.Typer(
    name="darkroom",
    help="A self-hosted Discord bot for making pictures together.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"darkroom {installed('darkroom')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What stands before the verb."""


app.command()(serve.run)
app.command()(serve.demo)
app.command()(gallery.gallery)
app.command()(imagine.imagine)
app.command()(check.check)
app.add_typer(models.app, name="models")
app.add_typer(loras.app, name="loras")
app.command(context_settings=forward.PASS_THROUGH)(forward.train)
app.command(context_settings=forward.PASS_THROUGH)(forward.bench)
app.command()(backup.backup)
app.command()(backup.restore)


def run(head_start: HeadStart) -> None:
    """Run what the command line says; what people can mend is one line, never a traceback."""
    try:
        app(obj=head_start)
    except InvalidRequest as error:
        _say(error, ASKED_WRONG)
    except ConfigError as error:
        _say(error, ASKED_WRONG if error.key.startswith("--") else CONFIGURATION_WRONG)
    except (ClusterRefused, DeviceMissing) as error:
        _say(error, CONFIGURATION_WRONG)
    except (BotError, EngineError) as error:
        _say(error, FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _say(error: Exception, code: int) -> None:
    typer.secho(f"darkroom: {error}", err=True, fg="red", color=False if os.environ.get("NO_COLOR") else None)
    sys.exit(code)
