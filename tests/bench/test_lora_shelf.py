"""How long a folder of two hundred LoRAs takes to read, to list and to choose from. `make speed`."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from bot.ui.pictures.samples import Samples
from engine import LoRACard
from engine.lora_shelf.shelf import LoRAShelf
from engine.settings import EngineSettings
from tests.bot.scripted import png
from tests.bot.world import World
from tests.engine.lora_shelf_files import KOHYA, lora_file

pytestmark = pytest.mark.bench


async def test_two_hundred_loras(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As large as SDXL LoRAs are: 700 layers, sidecars and sample pictures of 512 pixels."""
    world = World(tmp_path)
    await world.start()
    folder = tmp_path / "loras"
    picture = png("green", 512)
    for number in range(200):
        path = lora_file(folder / f"lora{number:03}.safetensors", KOHYA, layers=700)
        path.with_suffix(".json").write_text(json.dumps({"description": f"number {number}"}))
        path.with_suffix(".png").write_bytes(picture)
    shelf = LoRAShelf(EngineSettings(loras_dir=folder))
    started = time.perf_counter()
    cold = shelf.cards()
    cold_ms, started = (time.perf_counter() - started) * 1e3, time.perf_counter()
    shelf.cards()
    warm_ms = (time.perf_counter() - started) * 1e3

    async def loras() -> tuple[LoRACard, ...]:
        return shelf.recent()

    services = world.bot.services
    services.engine.loras = loras
    object.__setattr__(services, "samples", Samples(tmp_path / "s", services.engine, services.drawing, world.tasks))
    started = time.perf_counter()
    await world.ada.slash(world.channel, "loras")
    page_ms = (time.perf_counter() - started) * 1e3
    took: list[float] = []
    for number in range(40):
        started = time.perf_counter()
        await world.ada.autocomplete(world.channel, "imagine", "lora", f"lora{number}")
        took.append((time.perf_counter() - started) * 1e3)
    with capsys.disabled():
        p95 = sorted(took)[37]
        print(f"\ncold {cold_ms:.0f} ms, list {warm_ms:.1f} ms, page {page_ms:.0f} ms, autocomplete p95 {p95:.1f} ms")
    assert len(cold) == 200
    await world.stop()
