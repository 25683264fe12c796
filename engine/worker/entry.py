"""The entry point of a worker's process. Imports torch and diffusers when called, and nothing before."""

from __future__ import annotations

import gc
from importlib import import_module
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from engine.processes.late_imports import hold_back

if TYPE_CHECKING:
    from engine.settings import EngineSettings


def import_ahead() -> None:
    """Import what every worker needs, before anybody knows of any settings; garbage is looked for again by `warm`."""
    gc.disable()
    hold_back()
    import_module("engine.worker.worker")


def warm(settings: EngineSettings) -> None:
    """Import what workers need, in the fork server, once for all that are forked later."""
    hold_back()
    from engine.worker import prefork

    prefork.warm(settings)


def main(connection: Connection, settings: EngineSettings, device: str) -> None:
    """Serve one device until told to stop or the engine is gone."""
    hold_back()
    from engine.worker import worker

    worker.main(connection, settings, device)
