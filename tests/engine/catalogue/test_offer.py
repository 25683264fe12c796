"""The models on offer are kept in memory; what changes on the disk is noticed without a file read on the event loop."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from engine import Engine, EngineSettings, ImageRequest, ModelLoadFailed, ModelSettings, UnknownModel
from engine.catalogue import offer
from engine.catalogue.catalogue import Catalogue
from engine.catalogue.offer import Offer
from tests.blocking import noted_reads
from tests.engine.fake_worker_engine import importable_by_workers
from tests.patience import until


@pytest.fixture
def settings(tmp_path: Path) -> EngineSettings:
    mine = ModelSettings(source=str(tmp_path / "mine"))
    return EngineSettings(devices=("cpu",), models_dir=tmp_path, models={"mine": mine})


@pytest.fixture
async def engine(settings: EngineSettings) -> AsyncIterator[Engine]:
    with importable_by_workers():
        async with Engine(settings, entry="fake_worker:main") as running:
            yield running


def names(here: Offer | Engine) -> list[str]:
    return [spec.name for spec in here.models()]


def test_a_look_finds_what_came_and_what_went(
    settings: EngineSettings, tmp_path: Path, family_folder: Callable[[str], Path]
) -> None:
    here = Offer(Catalogue(settings))
    assert names(here) == ["pocket"]
    shutil.copytree(family_folder("stable-diffusion"), tmp_path / "mine")
    assert names(here) == ["pocket"], "nobody has looked"
    here.look()
    assert names(here) == ["mine", "pocket"] and here.references("mine") == 0
    shutil.rmtree(tmp_path / "mine")
    here.look()
    assert names(here) == ["pocket"]


def test_a_flaw_is_logged_once(settings: EngineSettings, caplog: pytest.LogCaptureFixture) -> None:
    here = Offer(Catalogue(settings))
    for _ in range(3):
        here.look()
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["model mine is not offered"]


async def test_an_engine_that_runs_notices_a_new_model(
    settings: EngineSettings,
    tmp_path: Path,
    family_folder: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(offer, "LOOK_EVERY_S", 0.01)
    with importable_by_workers():
        async with Engine(settings, entry="fake_worker:main") as engine:
            assert names(engine) == ["pocket"]
            shutil.copytree(family_folder("stable-diffusion"), tmp_path / "mine")
            await until(lambda: names(engine) == ["mine", "pocket"])


async def test_no_file_is_read_on_the_event_loop(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = noted_reads(monkeypatch)
    assert names(engine) == ["pocket"] and engine.default_model == "pocket"
    assert engine.size("pocket", (2, 1)) > (0, 0) and engine.references("pocket") == 0
    assert engine.references("mine") == 0 and engine.references("nobody's") == 0
    with pytest.raises(ModelLoadFailed):
        engine.size("mine", (1, 1))
    with pytest.raises(UnknownModel, match="pocket"):
        engine.size("nobody's", (1, 1))
    resolved = await engine.resolve(ImageRequest(prompt="a cup"))
    assert engine.estimate_ms(resolved.request) is None
    assert await engine.loras() == ()
    assert reads == []


async def test_a_file_read_on_the_event_loop_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = noted_reads(monkeypatch)
    assert not (tmp_path / "nothing").is_file()
    assert len(reads) == 1 and "test_a_file_read_on_the_event_loop_is_found" in reads[0]
