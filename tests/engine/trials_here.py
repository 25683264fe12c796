"""`try_out` in the test's own process: a process of its own imports torch and diffusers for eight seconds."""

from __future__ import annotations

import asyncio
import io
from types import SimpleNamespace
from typing import Any

import pytest

from engine.trial import trial, trial_run


class _Trial:
    """What `create_subprocess_exec` gives, of the trial's own code."""

    returncode = 0

    def __init__(self, models: tuple[str, ...]) -> None:
        self._models = models

    async def communicate(self, settings: bytes) -> tuple[bytes, bytes]:
        return await asyncio.to_thread(self._run, settings), b""

    def _run(self, settings: bytes) -> bytes:
        said = io.BytesIO()
        with pytest.MonkeyPatch.context() as patch:
            argv, given = ["trial_run", *self._models], SimpleNamespace(buffer=io.BytesIO(settings))
            process = SimpleNamespace(argv=argv, stdin=given, stdout=SimpleNamespace(buffer=said))
            patch.setattr(trial_run, "sys", process)
            patch.setattr(trial_run, "quiet", lambda: None)
            trial_run.main()
        return said.getvalue()


@pytest.fixture
def trials_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever `try_out` is asked for is tried here; `tests/engine/test_check_agrees.py` tries it where it belongs."""

    async def here(*command: str, **_: Any) -> _Trial:
        assert command[1:3] == ("-P", "-c") and "trial_run" in command[3]
        return _Trial(command[4:])

    monkeypatch.setattr(trial, "asyncio", SimpleNamespace(create_subprocess_exec=here, subprocess=asyncio.subprocess))
