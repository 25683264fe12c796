"""Devices that a configuration names and a machine lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import DeviceMissing, Engine, EngineSettings
from engine.processes.device_names import device_names


@pytest.mark.parametrize("name", ["cuda", "cuda:9", "mps", "gpu", "CUDA:0", "cuda:x", "0", ""])
async def test_an_impossible_device_is_named_before_a_worker_starts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.processes.device_names._ACCELERATOR_NODES", ())
    monkeypatch.setattr("sys.platform", "linux")
    engine = Engine(EngineSettings(devices=(name,)))
    with pytest.raises(DeviceMissing, match=f"no '{name}', only cpu"):
        await engine.start()
    assert engine.snapshot().devices == ()


async def test_a_named_gpu_is_believed_where_there_may_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.processes.device_names._ACCELERATOR_NODES", ("/dev",))
    monkeypatch.setattr("engine.processes.device_names._GPU_FOLDER", "/nowhere")
    monkeypatch.setattr("sys.platform", "linux")
    assert await device_names(EngineSettings(devices=("cuda:1", "cpu"))) == ("cuda:1", "cpu")


async def test_a_gpu_beyond_those_that_are_there_is_named_with_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for node in ("nvidia0", "nvidia1", "nvidiactl"):
        (tmp_path / node).touch()
    monkeypatch.setattr("engine.processes.device_names._ACCELERATOR_NODES", (str(tmp_path / "nvidiactl"),))
    monkeypatch.setattr("engine.processes.device_names._GPU_FOLDER", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert await device_names(EngineSettings(devices=("cuda:1", "cuda"))) == ("cuda:1", "cuda")
    with pytest.raises(DeviceMissing, match="no 'cuda:2', only cuda:0, cuda:1, cpu"):
        await device_names(EngineSettings(devices=("cuda:2",)))
