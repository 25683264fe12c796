"""Finds file reads on the event loop: they stop everybody until the disk answers."""

from __future__ import annotations

import asyncio
import builtins
import io
import os
import sys
import traceback
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

_READING = ((os, "stat"), (os, "scandir"), (os, "listdir"), (io, "open"), (builtins, "open"))


def noted_reads(patch: pytest.MonkeyPatch) -> list[str]:
    """A list to which every file read from now on is added, with whoever did it, where an event loop runs."""
    noted = list[str]()
    for module, name in _READING:
        patch.setattr(module, name, _noting(getattr(module, name), noted))
    return noted


def _noting(read: Callable[..., Any], noted: list[str]) -> Callable[..., Any]:
    def wrapped(*args: Any, **options: Any) -> Any:
        if asyncio._get_running_loop() is not None:
            noted.append(f"{read.__name__}({args[:1]}): " + " < ".join(_callers()))
        return read(*args, **options)

    return wrapped


def _callers() -> list[str]:
    frames = islice(traceback.walk_stack(sys._getframe(2)), 10)  # not extracted: that reads the sources' files
    return [f"{frame.f_code.co_filename.rpartition('/')[2]}:{line} {frame.f_code.co_name}" for frame, line in frames]
