"""Devices that a configuration names and a machine lacks."""

from __future__ import annotations

import pytest

from engine import DeviceMissing, Engine, EngineSettings
from engine.discovery import device_names


@pytest.mark.parametrize("name", ["cuda", "cuda:9", "mps"])
async def test_a_device_that_cannot_be_here_is_named_before_a_worker_is_started(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.discovery._ACCELERATOR_NODES", ())
    monkeypatch.setattr("sys.platform", "linux")
    engine = Engine(EngineSettings(devices=(name,)))
    with pytest.raises(DeviceMissing, match=f"no '{name}'"):
        await engine.start()
    assert engine.snapshot().devices == ()


async def test_a_named_gpu_is_believed_where_there_may_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.discovery._ACCELERATOR_NODES", ("/dev",))
    monkeypatch.setattr("sys.platform", "linux")
    assert await device_names(EngineSettings(devices=("cuda:1", "cpu"))) == ("cuda:1", "cpu")
