"""The workers' imports begin before the settings are read, and are of use to whoever has the usual settings."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from engine import Engine, EngineSettings, HeadStart, ImageRequest
from tests.engine.fake_worker_engine import finished

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked from a fork server on Linux only")
SKETCH = ImageRequest(prompt="a red apple", num_inference_steps=1, num_images=1)


@pytest.fixture(autouse=True)
def _no_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.processes.device_names._ACCELERATOR_NODES", ())


def drawing(folder: Path, **settings: object) -> Engine:
    return Engine(EngineSettings(devices=("cpu",), models_dir=folder, default_model="pocket", **settings))


def children() -> set[psutil.Process]:
    return set(psutil.Process().children())


async def test_a_head_start_forks_the_worker_that_draws(tmp_path: Path) -> None:
    before, engine = children(), drawing(tmp_path)
    with HeadStart() as head_start:
        (begun,) = children() - before
        with engine.importing(head_start):
            async with engine:
                assert (await finished(engine, SKETCH)).images
                assert psutil.Process(engine.snapshot().devices[0].pid).parent() == begun
    assert not begun.is_running()


async def test_a_head_start_that_died_delays_and_breaks_nothing(tmp_path: Path) -> None:
    before, engine = children(), drawing(tmp_path)
    with HeadStart() as head_start:
        (begun,) = children() - before
        os.kill(begun.pid, signal.SIGKILL)
        with engine.importing(head_start):
            async with engine:
                assert (await finished(engine, SKETCH)).images
    assert children() == before


def test_other_settings_start_anew_and_end_it(tmp_path: Path) -> None:
    before, engine = children(), drawing(tmp_path, threads=3)
    with HeadStart() as head_start:
        (begun,) = children() - before
        with engine.importing(head_start):
            (fork_server,) = children() - before
            assert fork_server != begun
            assert not begun.is_running()
    assert children() == before


def test_whoever_needs_no_engine_ends_it_too() -> None:
    before = children()
    with pytest.raises(ZeroDivisionError), HeadStart():
        (begun,) = children() - before
        raise ZeroDivisionError
    assert not begun.is_running()


def test_beside_an_accelerator_nothing_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.processes.device_names._ACCELERATOR_NODES", ("/dev",))
    before = children()
    with HeadStart() as head_start:
        assert children() == before
        assert head_start.take({}) is None
