"""Paths in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.settings import Settings
from engine.settings import EngineSettings, LoRASettings, ModelSettings


def test_a_path_may_begin_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    model = ModelSettings(source="~/m.safetensors", taesd="~/t", style_adapter="~/a.safetensors")
    assert (model.source, model.taesd) == (f"{tmp_path}/m.safetensors", f"{tmp_path}/t")
    assert model.style_adapter == f"{tmp_path}/a.safetensors"
    assert LoRASettings(path=Path("~/l.safetensors"), model="m").path == tmp_path / "l.safetensors"
    places = {"captioner": "~/c", "cutout": "~/o", "upscaler": "~/u", "models_dir": "~/d", "default_model": "~/m"}
    settings = EngineSettings.model_validate(places)
    assert (settings.captioner, settings.cutout, settings.upscaler) == (tmp_path / "c", tmp_path / "o", tmp_path / "u")
    assert (settings.models_dir, settings.default_model) == (tmp_path / "d", f"{tmp_path}/m")
    assert Settings(data_dir=Path("~/darkroom")).data_dir == tmp_path / "darkroom"


@pytest.mark.parametrize("absurd", [0, -8, 1e300, float("inf"), float("nan"), "much"])
def test_an_absurd_budget_is_refused_by_its_key(absurd: object) -> None:
    with pytest.raises(ValidationError, match="memory_budget_gb"):
        EngineSettings.model_validate({"memory_budget_gb": absurd})


@pytest.mark.parametrize("plain", ["sdxl", "hf:org/repo@main", "~nobody-of-this-name/model"])
def test_what_is_no_path_stays_as_it_is(plain: str) -> None:
    assert ModelSettings(source=plain).source == plain
