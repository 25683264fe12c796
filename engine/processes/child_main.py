"""Entry points of child processes: a worker, and the fork server that forks workers.

Not `multiprocessing.Process`: that would run the caller's `__main__` again in the child, and offers no way to give the
child an environment of its own before its allocator and OpenMP read theirs.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
from dataclasses import dataclass
from multiprocessing import reduction
from multiprocessing.connection import Connection
from pathlib import Path

from engine.base.logs import LogSetup, configure
from engine.settings import EngineSettings

log = logging.getLogger(__name__)

WORKER = "engine.worker.entry:main"
FORK = 0
"""Sent to the fork server to ask for a worker; any other number is the id of a process to reap."""


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """The first message over the pipe: which function to call, and its arguments."""

    entry: str
    settings: EngineSettings
    device: str
    log: LogSetup | None = None
    """How the engine's own process logs."""
    behind: str = ""
    """Of a process that stands in for a worker elsewhere: that worker's entry point, its fourth argument."""


def work(descriptor: int) -> None:
    """Receive `LaunchOptions` over the pipe and run their entry point until it returns."""
    with contextlib.suppress(OSError):  # where memory runs out, the kernel should take a worker and not the bot
        Path("/proc/self/oom_score_adj").write_text("500")
    connection = _own(descriptor)
    launch: LaunchOptions = connection.recv()
    _log_as(launch)
    module, _, function = launch.entry.partition(":")
    further = (launch.behind,) if launch.behind else ()
    getattr(importlib.import_module(module), function)(connection, launch.settings, launch.device, *further)


def serve_forks(descriptor: int) -> None:
    """Import the worker's modules once, then fork a worker for each pipe that is sent.

    Forking is safe while this process has one thread and has not used an accelerator; it sends the engine its number
    of threads. Returns when the engine closes the pipe.
    """
    control = _own(descriptor)
    with contextlib.suppress(EOFError, ConnectionError):
        _prepare(control.recv())
        control.send(_threads())
        while True:
            if (wanted := control.recv()) == FORK:
                _fork(control)
            else:
                _, status = os.waitpid(wanted, 0)
                control.send(os.waitstatus_to_exitcode(status))


def _fork(control: Connection) -> None:
    pipe = reduction.recv_handle(control)
    if child := os.fork():
        os.close(pipe)
        os.setpgid(child, child)  # before its id is sent: workers are killed by group
        control.send(child)
        return
    control.close()
    exit_code = 1
    try:
        work(pipe)
        exit_code = 0
    except Exception:
        log.exception("a worker ended by an error", extra={"action": "worker_failed"})
    logging.shutdown()
    os._exit(exit_code)  # as every forked process should: exit handlers belong to the fork server


def _prepare(launch: LaunchOptions) -> None:
    gc.disable()  # of what is imported nothing is garbage; to look for it takes a seventh of the time
    module = importlib.import_module(launch.entry.partition(":")[0])
    if warm := getattr(module, "warm", None):
        warm(launch.settings)
    gc.enable()
    gc.freeze()  # the collector would otherwise write to, and so copy, every page shared with the workers


def _log_as(launch: LaunchOptions) -> None:
    """Log as the engine's process does; of libraries, warnings and errors only."""
    if launch.log is not None:
        configure(LogSetup(logging.WARNING, launch.log.form))
        logging.getLogger("engine").setLevel(launch.log.level)


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _own(descriptor: int) -> Connection:
    os.set_inheritable(descriptor, False)  # or a grandchild would keep the pipe open after this process died
    return Connection(descriptor)
