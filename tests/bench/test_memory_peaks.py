"""The memory plan's peak beside the counted peak of a picture. `make speed`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.batching.weight_tensors import EXECUTES_ON, STREAMED
from engine.bench.counted_bytes import CountedBytes
from engine.catalogue.catalogue import Catalogue
from engine.loading.device import device_memory
from engine.loading.load import load
from engine.memory.planner import Drawing, plan
from engine.memory.spec_sizes import sizes_of
from engine.settings import EngineSettings, ModelSettings
from tests.bench.middling import MODELS
from tests.engine.streaming import budget_gb

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]
NEAR, SIDE = 0.1, 384
KEYS: tuple[dict[str, Any], ...] = (
    {},
    {"precision": "float8"},
    {"residency": "encoders_offloaded"},
    {"residency": "streamed"},
    {"residency": "partly_streamed"},
)
KEPT: dict[str, float] = dict.fromkeys(("stable-diffusion-3", "flux", "flux2-klein"), 0.25)
"""The least share of a partly streamed denoiser's blocks that stays on the device, for those of few and large blocks;
half of the others'."""


@pytest.mark.parametrize("name", MODELS)
def test_the_plans_peak_is_near_the_counted_one(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    MODELS[name]().save_pretrained(tmp_path / "model")
    off: list[float] = []
    for keys in KEYS:
        chosen = ModelSettings(source=str(tmp_path / "model"), **keys)
        settings = EngineSettings(models={"mine": chosen}, models_dir=tmp_path)
        spec = replace(Catalogue(settings).spec("mine"), width=SIDE, height=SIDE)
        if spec.residency == "partly_streamed":
            budget = budget_gb(spec, tmp_path, KEPT.get(name, 0.5))
            settings = settings.model_copy(update={"memory_budget_gb": budget})
        sizes = sizes_of(spec, tmp_path)
        assert sizes is not None
        here = device_memory(torch.device("cpu"), settings)
        planned = plan(sizes, here, Drawing(SIDE, SIDE), spec.precision, spec.residency)
        model = load(spec, "cpu", settings)
        counted = counted_peak(model.pipeline("text_to_image"), [*model.parkable.values()])
        off.append(planned.peak_bytes / counted - 1)
        with capsys.disabled():
            print(
                f"\n{name:20} {keys or 'resident'!s:42} planned {planned.peak_bytes / 1e6:7.1f} MB, counted "
                f"{counted / 1e6:7.1f} MB, {100 * off[-1]:+.1f} %; weights {planned.weight_bytes / 1e6:.1f} MB"
            )
        model.close()
    assert all(abs(each) <= NEAR for each in off)


def counted_peak(pipeline: Callable[..., Any], modules: list[torch.nn.Module]) -> int:
    """The most bytes of tensors that live at any time while one picture is drawn."""
    counter = CountedBytes()
    for module in modules:
        streamed = vars(module).get(STREAMED)
        for away in [block.module for block in streamed.blocks] if streamed else [module]:
            if EXECUTES_ON in vars(module):
                counter.leave_out(away)
        if streamed or EXECUTES_ON not in vars(module):
            counter.hold(module)
    asked = {"height": SIDE, "width": SIDE, "num_inference_steps": 1, "guidance_scale": 1.0, "output_type": "pt"}
    with torch.no_grad(), counter:
        pipeline(prompt="a red apple", **asked)
    return counter.peak
