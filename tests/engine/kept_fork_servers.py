"""Fork servers that outlive their engines: torch is imported once for the workers of all tests in a process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from unittest.mock import patch

from engine.processes.child_main import WORKER, LaunchOptions
from engine.processes.spawning import Child, ForkServer, Spawner, spawner


@dataclass(frozen=True)
class Kept:
    """A fork server that an engine uses and does not end."""

    fork_server: ForkServer

    def begin(self) -> None:
        self.fork_server.begin()

    def spawn(self, pipe: Connection) -> Child:
        return self.fork_server.spawn(pipe)

    def close(self) -> None:
        """Other engines need it still."""


class Keeper:
    """One fork server for each environment that real workers are given; everything else is started as it is."""

    def __init__(self) -> None:
        self._kept: dict[frozenset[tuple[str, str]], ForkServer] = {}

    def spawner(self, launch: LaunchOptions) -> Spawner:
        """A server that has imported the usual worker; it forks whatever of the engine's own a pipe asks for."""
        made = spawner(replace(launch, entry=WORKER))
        if not launch.entry.startswith("engine.") or not isinstance(made, ForkServer):
            return spawner(launch)
        return Kept(self._kept.setdefault(frozenset(made._environment.items()), made))

    def close(self) -> None:
        for fork_server in self._kept.values():
            fork_server.close()


@contextmanager
def kept_fork_servers() -> Iterator[None]:
    """For the engines that are made meanwhile."""
    keeper = Keeper()
    with patch("engine.engine.spawner", keeper.spawner):
        yield
    keeper.close()
