"""What a worker process begins with: take orders from the pipe, call the worker's entry point.

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

WORKER = "engine.worker.worker:main"
FORK = 0
"""Said to a nursery in place of the id of a process to wait for."""


@dataclass(frozen=True, slots=True)
class Orders:
    """The first thing said over the pipe: which function to run, and with what."""

    entry: str
    settings: EngineSettings
    device: str
    log: LogSetup | None = None
    """How the engine's own process logs."""


def work(descriptor: int) -> None:
    """Be a worker: run the entry point named over the pipe until it returns."""
    with contextlib.suppress(OSError):  # where memory runs out, the kernel should take a worker and not the bot
        Path("/proc/self/oom_score_adj").write_text("500")
    connection = _own(descriptor)
    orders: Orders = connection.recv()
    _log_as(orders)
    module, _, function = orders.entry.partition(":")
    getattr(importlib.import_module(module), function)(connection, orders.settings, orders.device)


def serve_forks(descriptor: int) -> None:
    """Be a nursery: import what the worker needs once, then fork a worker for each pipe that is handed over.

    Forking is sound as long as this process has one thread, of which it tells, and has touched no accelerator.
    Ends with its engine.
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
        os.setpgid(child, child)  # before anybody knows of it: it is killed as a group
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
    os._exit(exit_code)  # as every forked process should: what the nursery has registered to run at exit is not ours


def _prepare(orders: Orders) -> None:
    module = importlib.import_module(orders.entry.partition(":")[0])
    if warm := getattr(module, "warm", None):
        warm(orders.settings)
    gc.freeze()  # the collector would otherwise write to, and so copy, every page shared with the workers


def _log_as(orders: Orders) -> None:
    """As the bot does; of libraries, only what they warn of."""
    if orders.log is not None:
        configure(LogSetup(logging.WARNING, orders.log.form))
        logging.getLogger("engine").setLevel(orders.log.level)


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _own(descriptor: int) -> Connection:
    os.set_inheritable(descriptor, False)  # or a grandchild would keep the pipe open after this process died
    return Connection(descriptor)
