"""`python -m engine.catalogue.pull NAME`: a model's files from the hub, as a process of its own. Torch-free."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from engine.catalogue.catalogue import Catalogue
from engine.errors import ModelLoadFailed
from engine.model_files.downloader import Downloader
from engine.settings import EngineSettings


def main() -> None:
    """`python -m engine.catalogue.pull NAME [--config-only] [--settings JSON]`, with a progress bar."""
    parser = argparse.ArgumentParser(description="Fetch a model's weights (safetensors only).")
    parser.add_argument("name")
    parser.add_argument("--config-only", action="store_true", help="configurations and vocabularies, no weights")
    parser.add_argument("--settings", default="{}", help="the engine's settings as JSON")
    arguments = parser.parse_args()
    settings = EngineSettings.model_validate_json(arguments.settings)
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    try:
        spec = Catalogue(settings).spec(arguments.name)
        console.print(f"{spec.name}: licence {spec.licence}")
        with Progress(*columns, console=console) as bars:
            task = bars.add_task(spec.name, total=None)
            Downloader(
                settings, lambda news: bars.update(task, description=news.file, completed=news.done, total=news.total)
            ).pull(spec, arguments.config_only)
        console.print(f"{spec.name} is here.")
    except ModelLoadFailed as error:
        console.print(str(error), style="red")
        sys.exit(1)


if __name__ == "__main__":
    main()
