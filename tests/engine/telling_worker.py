"""The real worker, which writes down what it had imported by its first result."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

from engine.processes.protocol import FromWorker, LaneFinished, ToWorker
from engine.settings import EngineSettings
from engine.worker import entry

TOLD = "imported.txt"
warm = entry.warm


@dataclass(frozen=True)
class Telling:
    """A pipe that writes before a result goes through it."""

    connection: Connection
    file: Path

    def send(self, messages: tuple[FromWorker, ...]) -> None:
        if any(isinstance(message, LaneFinished) for message in messages):
            # A stand-in has no file.
            there = sorted(name for name, module in list(sys.modules.items()) if getattr(module, "__file__", None))
            self.file.write_text("\n".join(there))
        self.connection.send(messages)

    def recv(self) -> ToWorker:
        return self.connection.recv()


def main(connection: Connection, settings: EngineSettings, device: str) -> None:
    telling: Any = Telling(connection, settings.models_dir / TOLD)
    entry.main(cast("Connection", telling), settings, device)
