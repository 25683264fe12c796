"""The entry point of a worker's process. Imports torch and diffusers when called, and nothing before."""

from __future__ import annotations

from multiprocessing.connection import Connection

from engine.settings import EngineSettings
from engine.worker.late_imports import hold_back


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
