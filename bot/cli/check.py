"""`darkroom check`: prints what is wrong and what to do."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.settings import load


def check(
    config: Annotated[Path | None, typer.Option(help="Configuration file.")] = None,
    pictures: Annotated[bool, typer.Option("--pictures", help="Compare rows with files; takes minutes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Verify configuration, token, database and model, and print the invite link. It only looks."""
    from bot.operation.checks import run_all

    findings = asyncio.run(run_all(load(config), with_pictures=pictures))
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        table = Table("check", "found", "what to do", show_lines=False)
        for finding in findings:
            mark = "[green]ok[/]" if finding.is_well else "[red]![/]"
            # Section names such as [engine.models] would be read as Rich markup.
            table.add_row(f"{mark} {escape(finding.name)}", escape(finding.found), escape(finding.remedy))
        Console(width=None if Console().is_terminal else 200).print(table)
    raise typer.Exit(0 if all(finding.is_well for finding in findings) else 1)
