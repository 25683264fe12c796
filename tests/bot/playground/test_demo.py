"""The end of a demo."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import simcord

from bot.playground import demo
from bot.playground.demo import end
from bot.settings import Settings


class Busy:
    """An environment in which a thread still draws, the first few times it is asked to end."""

    def __init__(self, times: int) -> None:
        self.times = times

    async def shutdown(self) -> None:
        if self.times:
            self.times -= 1
            raise TimeoutError("native executor work remains tracked")


async def test_a_demo_that_still_draws_ends_after_it() -> None:
    env: Any = Busy(3)
    await end(env)
    assert env.times == 0


class Left(Exception):
    """Raised in place of showing the page."""


async def test_what_jobs_edit_is_stored_until_the_app_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    @asynccontextmanager
    async def build(*_: object, **__: object) -> AsyncGenerator[Any]:
        try:
            yield SimpleNamespace(client=None)
        finally:
            closed.append("app")

    def numbers() -> None:
        raise Left

    store = SimpleNamespace(numbers=numbers, close=lambda: closed.append("store"))
    monkeypatch.setattr(demo, "build", build)
    monkeypatch.setattr(demo, "WorldStore", lambda *_: store)
    monkeypatch.setattr(simcord, "Env", lambda *_, **__: SimpleNamespace(backend=SimpleNamespace()))
    with pytest.raises(Left):
        await demo.play(Settings(data_dir=tmp_path), 0, tmp_path, browser=False)
    assert closed == ["app", "store"]
