"""Head start: the fork server of the CPU's workers begins to import before the program itself does.

Its imports are most of the time until somebody sees a first picture. This module imports little, for it comes first.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from subprocess import Popen
from types import TracebackType
from typing import Self

from engine.processes.child_environment import unset_environment
from engine.processes.device_names import has_cpu_only
from engine.processes.interpreters import run_in_child

_CODE = (
    "from engine.worker.entry import import_ahead; import_ahead()\n"
    "from engine.processes.child_main import serve_forks; serve_forks"
)

Begun = tuple[Connection, "Popen[bytes]"]
"""A fork server: the pipe to it, and its process."""


class HeadStart:
    """A fork server for whoever has the settings that nobody knows yet; ended with the `with` if nobody took it.

    Where there may be an accelerator nothing is begun: its workers are not forked.
    """

    def __init__(self) -> None:
        self._environment = unset_environment("cpu")
        self._begun: Begun | None = None

    def __enter__(self) -> Self:
        if has_cpu_only():
            with contextlib.suppress(OSError):  # `ForkServer` will try, and say so
                self._begun = self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it, unless somebody took it."""
        if self._begun:
            control, process = self._begun
            self._begun = None
            control.close()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def take(self, environment: dict[str, str]) -> Begun | None:
        """The fork server, from now on the caller's; None where it needs another environment than was guessed."""
        if environment != self._environment:
            return None
        begun, self._begun = self._begun, None
        return begun

    def _begin(self) -> Begun:
        control, theirs = multiprocessing.Pipe()
        with theirs:
            return control, run_in_child(_CODE, theirs, self._environment)
