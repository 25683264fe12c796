"""The real worker in its own process, through the engine's front door, with tiny real models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from engine.engine import Engine
from engine.errors import ModelLoadFailed, ModelTooLarge
from engine.events import Event, Finished, Progress, Started
from engine.requests import ImageRequest
from engine.settings import EngineSettings, ModelSettings
from tests.engine.local_worker import SIZE, ask

pytestmark = [pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(
    family_folder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Engine]:
    """Two models that fit into memory one at a time only, one that does not fit at all, and one that is broken."""
    broken = tmp_path_factory.mktemp("broken") / "model"
    broken.mkdir()
    (broken / "model_index.json").write_text((family_folder("flux") / "model_index.json").read_text())
    folders = {"sd": family_folder("stable-diffusion"), "flux": family_folder("flux"), "broken": broken}
    models = {name: ModelSettings(source=str(folder)) for name, folder in folders.items()}
    settings = EngineSettings(
        devices=("cpu",),
        threads=1,
        default_model="sd",
        models={**models, "vast": ModelSettings(source=str(folders["flux"]), precision="float32")},
        memory_budget_gb=4e-4,
        safety=False,
    )
    async with Engine(settings) as engine:
        yield engine


async def events(engine: Engine, request: ImageRequest) -> list[Event]:
    return [event async for event in engine.submit(request)]


async def test_requests_for_models_that_do_not_fit_together_all_finish(engine: Engine) -> None:
    wanted = [ask(model=name, seed=n, member=str(n), **SIZE) for n, name in enumerate(("sd", "flux", "sd", "flux"))]
    heard = await asyncio.gather(*(events(engine, request) for request in wanted))
    for each in heard:
        assert isinstance(each[-1], Finished)
        assert [event for event in each if isinstance(event, Started)]
        assert len(each[-1].images) == 2
    # So fast a model may finish before its last preview was looked at: then only the pictures are told.
    assert any(event.preview for each in heard for event in each if isinstance(event, Progress))


async def test_leaving_while_the_model_loads_frees_the_lane(engine: Engine) -> None:
    for model in ("flux", "sd"):
        async for _ in engine.submit(ask(model=model, num_inference_steps=200, **SIZE)):
            break
    heard = await events(engine, ask(model="sd", **SIZE))
    assert isinstance(heard[-1], Finished)
    assert engine.snapshot().running == ()


async def test_a_model_nobody_wants_any_more_makes_room_once_loaded(engine: Engine) -> None:
    left, wanted = (engine.submit(ask(model=model, **SIZE)) for model in ("flux", "sd"))
    async with left:
        await anext(left)
    heard = [event async for event in wanted]
    assert isinstance(heard[-1], Finished)


async def test_a_model_that_the_budget_cannot_hold_fails_alone(engine: Engine) -> None:
    good, bad = await asyncio.gather(
        events(engine, ask(model="sd", **SIZE)), events(engine, ask(model="vast", **SIZE)), return_exceptions=True
    )
    assert isinstance(bad, ModelTooLarge)
    assert "memory_budget_gb allows 0.0004 GB for it; raise memory_budget_gb, or choose a smaller model" in str(bad)
    assert not isinstance(good, BaseException) and isinstance(good[-1], Finished)


async def test_a_model_that_cannot_be_loaded_fails_its_requests_alone(engine: Engine) -> None:
    good, bad = await asyncio.gather(
        events(engine, ask(model="sd", **SIZE)),
        events(engine, ask(model="broken", **SIZE)),
        return_exceptions=True,
    )
    assert isinstance(bad, ModelLoadFailed)
    assert bad.model == "broken"
    assert not isinstance(good, BaseException)
    assert isinstance(good[-1], Finished)
