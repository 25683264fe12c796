"""Verbs that belong to the engine: they run in a process of their own, since the bot never imports torch."""

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
    """Measure the engine against whole calls in line, side by side."""
    _forward("engine.bench", context.args)


def _forward(module: str, arguments: list[str]) -> None:
    # arguments come from the person at this very command line
    raise typer.Exit(subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode)  # noqa: S603
