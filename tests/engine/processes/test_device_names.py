"""Devices that a configuration names and a machine lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine import DeviceMissing, Engine, EngineSettings
from engine.loading.device import device_memory
from engine.processes.device_names import device_names
from engine.trial.devices import device_here


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


@pytest.mark.parametrize("devices", [("cpu",), ("auto",)])
def test_a_processor_is_told_without_a_process(devices: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.processes.device_names._ACCELERATOR_NODES", ())
    monkeypatch.setattr("sys.platform", "linux")
    settings = EngineSettings(devices=devices, memory_budget_gb=2.0)
    with monkeypatch.context() as patch:
        patch.setattr("subprocess.run", lambda *_, **__: pytest.fail("a process was started"))
        told = device_here(settings)
    assert told == device_memory(torch.device("cpu"), settings)
    assert told and (told.kind, told.budget_bytes) == ("cpu", 2_000_000_000)


def test_a_process_is_asked_where_there_may_be_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.processes.device_names._ACCELERATOR_NODES", ("/dev",))
    told = device_here(EngineSettings())
    assert told and told == device_memory(torch.device(told.kind), EngineSettings())
