"""The signals that ask a process to stop: Ctrl-C, SIGTERM, and SIGHUP, which a closed terminal sends."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


def on_stop(act: Callable[[], object]) -> None:
    """Call `act` on each of these signals, in the running loop. `nohup` keeps SIGHUP away, as everywhere."""
    for name in _NAMES:
        number: signal.Signals | None = getattr(signal, name, None)
        if number is None or (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
            continue
        with contextlib.suppress(NotImplementedError):  # Windows has no signal handlers on its event loop
            asyncio.get_running_loop().add_signal_handler(number, act)
