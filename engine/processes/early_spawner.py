"""The CPU's spawner, begun before the engine starts: its workers are imported while the caller does other things."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress

from engine.base.logs import current
from engine.processes.child_main import LaunchOptions
from engine.processes.device_names import is_cpu
from engine.processes.head_start import HeadStart
from engine.processes.spawning import Spawner, spawner
from engine.settings import EngineSettings


class EarlySpawner:
    """Holds what was begun until the CPU's supervisor takes it."""

    def __init__(self, entry: str, settings: EngineSettings) -> None:
        self._entry, self._settings = entry, settings
        self._begun: Spawner | None = None

    @contextmanager
    def importing(self, head_start: HeadStart | None = None) -> Generator[None]:
        """Begin, and give up at the end what nobody has taken; `head_start` may have begun before."""
        if is_cpu(self._settings):
            self._begun = spawner(LaunchOptions(self._entry, self._settings, "cpu", current()), head_start)
            with suppress(OSError):  # whoever spawns from it will try again, and say so
                self._begun.begin()
        if head_start:
            head_start.close()  # not what these settings need
        try:
            yield
        finally:
            if self._begun:
                self._begun.close()

    def take(self, launch: LaunchOptions) -> Spawner:
        """The spawner of one device: what was begun, for the first that runs on the CPU, else a new one."""
        begun = self._begun if launch.device == "cpu" else None
        if begun:
            self._begun = None
        return begun or spawner(launch)
