"""`darkroom train` and `darkroom bench`: they run in a child process, because the bot never imports torch."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import typer

PASS_THROUGH: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def train(context: typer.Context) -> None:
    """Train the embedded model: `darkroom train --help` lists its verbs."""
    _forward("engine.pocket", context.args)


def bench(context: typer.Context) -> None:
    """Compare the engine with one whole call after another (FIFO), on this machine."""
    _forward("engine.bench", context.args)


def _forward(module: str, arguments: list[str]) -> None:
    # The arguments come from this command line.
    raise typer.Exit(subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode)  # noqa: S603
