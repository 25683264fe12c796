"""Fork servers of workers, forked from a process that has imported what they import: three seconds once, not for each.

`python -m tests.forked_workers DESCRIPTOR` is that process; `ImportedWorkers` puts it in the place of a fresh
interpreter. `tests/engine/processes` and `tests/engine/serving/test_device_pool.py` start their own.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from engine.processes.child_main import serve_forks
from engine.processes.head_start import Begun
from engine.processes.spawning import ForkServer

ROOT = Path(__file__).parents[1]
LONGEST = 1 << 16
"""Bytes of a message."""


class _Forked:
    """What a fork server asks of its `subprocess.Popen`."""

    def __init__(self, pid: int, parent: _Imported) -> None:
        self.pid, self.returncode, self._parent = pid, None, parent

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = self._parent.ask(self.pid)
        return self.returncode


class _Imported:
    """A process that has imported the worker, with this environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._turn = threading.Lock()
        """Held until a question is answered: several engines of one process may ask."""
        self._control, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-P", "-m", "tests.forked_workers", str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
                start_new_session=True,
            )  # fmt: skip

    def fork(self) -> Begun:
        control, theirs = multiprocessing.Pipe()
        with theirs:
            pid = self.ask(str(Path.cwd()), theirs.fileno(), 1, 2)
        return control, _Forked(pid, self)  # pyright: ignore[reportReturnType]

    def ask(self, what: str | int, *descriptors: int) -> int:
        """Fork in this folder with these descriptors, or reap this process: its id, or its exit code."""
        with self._turn:
            socket.send_fds(self._control, [json.dumps(what).encode()], descriptors)
            return int(self._control.recv(LONGEST))

    def close(self) -> None:
        self._control.close()
        self._process.wait()


class ImportedWorkers:
    """One such process for each environment that is asked for."""

    def __init__(self) -> None:
        self._imported = dict[str, _Imported]()

    @contextmanager
    def forking(self) -> Iterator[None]:
        """The engines of this process fork the fork servers of their workers while this is open."""
        started = ForkServer._started

        def fork(server: ForkServer) -> Begun:
            if not server._launch.entry.startswith("engine."):  # stand-ins import nothing that takes long
                return started(server)
            return self._of(server._environment).fork()

        with patch.object(ForkServer, "_started", fork):
            yield

    def close(self) -> None:
        for each in self._imported.values():
            each.close()

    def _of(self, environment: Mapping[str, str]) -> _Imported:
        key = json.dumps(environment, sort_keys=True)
        if key not in self._imported:
            self._imported[key] = _Imported(environment)
        return self._imported[key]


def serve(control: socket.socket) -> None:
    """Fork whenever asked until the other side closes."""
    from engine.settings import EngineSettings
    from engine.worker.entry import import_ahead, warm

    import_ahead()
    warm(EngineSettings())
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, LONGEST, 3)
        if not message:
            return
        what: Any = json.loads(message)
        if isinstance(what, int):
            answer = os.waitstatus_to_exitcode(os.waitpid(what, 0)[1])
        elif answer := os.fork():
            os.setpgid(answer, answer)
        else:
            control.close()
            os._exit(_serve_forks(what, *descriptors))
        for descriptor in descriptors:
            os.close(descriptor)
        control.send(str(answer).encode())


def _serve_forks(folder: str, pipe: int, *outputs: int) -> int:
    for place, output in enumerate(outputs, 1):
        os.dup2(output, place)
        os.close(output)
    os.chdir(folder)
    serve_forks(pipe)
    sys.stderr.flush()
    return 0


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
