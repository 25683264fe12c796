"""`darkroom` in forks of one process that has imported the command line: a second for all commands, not for each.

`python -m tests.forked_commands DESCRIPTOR` is that process; tests call `ForkedCommands`. `tests/test_cli.py` compares
forked commands with typed ones. Commands that draw are not for it: workers begin to import in none of its forks.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[1]
LONGEST = 1 << 17
"""Bytes of a message: a command with its environment."""


class ForkedCommands:
    """Runs one command after the other, each in a fresh fork with its own folder, environment and output."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._control, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "tests.forked_commands", str(theirs.fileno())]
            self._server = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[theirs.fileno()])

    def run(
        self, arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], stdout: int | None, within_s: float
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run` with both outputs captured, `stdout` only where no descriptor is given for it."""
        with ExitStack() as opened:
            said, complained = (opened.enter_context(tempfile.TemporaryFile("w+")) for _ in range(2))
            message = json.dumps([list(arguments), str(cwd), dict(environment)]).encode()
            outputs = [said.fileno() if stdout is None else stdout, complained.fileno()]
            self._control.settimeout(within_s)
            socket.send_fds(self._control, [message], outputs)
            code = int(self._control.recv(LONGEST))
            said.seek(0)
            complained.seek(0)
            return subprocess.CompletedProcess(arguments, code, said.read(), complained.read())

    def close(self) -> None:
        """End the process that forks."""
        self._control.close()
        self._server.wait()


def serve(control: socket.socket) -> None:
    """Fork for each command until the other side closes."""
    import bot.playground.demo
    import bot.service  # noqa: F401 - as the line above: before the forks, which would each import it
    from bot.__main__ import main
    from engine import Catalogue, EngineSettings
    from engine.processes import head_start, spawning

    head_start.run_in_child = spawning.run_in_child = _no_worker
    catalogue = Catalogue(EngineSettings())
    for name in catalogue.names():  # what diffusers' sources say is remembered, and costs most of a short command
        catalogue.spec(name)
    while True:
        message, outputs, _, _ = socket.recv_fds(control, LONGEST, 2)
        if not message:
            return
        child = os.fork()
        if not child:
            control.close()
            os._exit(_run(main, outputs, *json.loads(message)))
        for output in outputs:
            os.close(output)
        control.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())


def _no_worker(*_: Any) -> NoReturn:
    raise OSError("no worker is started here")


def _run(
    main: Callable[[], None], outputs: list[int], arguments: list[str], cwd: str, environment: dict[str, str]
) -> int:
    for place, output in enumerate(outputs, 1):
        os.dup2(output, place)
        os.close(output)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["darkroom", *arguments]
    try:
        code = _code(main)
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - whatever it is, a fork must not go on as the process that forks
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    return code


def _code(main: Callable[[], None]) -> int:
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1 if end.code else 0
    return 0


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
