"""Fresh Python interpreters as children, at the other end of a pipe."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection


def run_in_child(code: str, pipe: Connection, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start an interpreter; `code` ends in a call that takes the pipe's descriptor. Raises `OSError`."""
    # A session of its own: Ctrl-C in the terminal must reach the parent alone, which then stops in order.
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own words, nothing from users
        [sys.executable, "-P", "-c", f"{code}({pipe.fileno()})"],
        env=environment,
        stdin=subprocess.DEVNULL,
        pass_fds=(pipe.fileno(),),
        start_new_session=True,
    )
