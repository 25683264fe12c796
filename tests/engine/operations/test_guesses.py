"""A picture of things that the built-in model has no drawings of is called a guess, and no other."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from engine.engine import Engine
from engine.events import Finished
from engine.pocket import WEIGHTS
from engine.requests import ImageRequest
from engine.settings import EngineSettings

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not (WEIGHTS / "unet").exists(), reason="the embedded model's weights are not there"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Engine]:
    async with Engine(EngineSettings(devices=("cpu",), safety=False)) as running:
        yield running


async def drawn(engine: Engine, prompt: str) -> Finished:
    resolved = await engine.resolve(ImageRequest(prompt=prompt, num_inference_steps=1, num_images=1))
    events = [event async for event in engine.submit(resolved)]
    assert isinstance(events[-1], Finished)
    return events[-1]


@pytest.mark.parametrize(
    "prompt",
    ["two dogs playing in the park", "an old man with a beard", "cyberpunk city at night", "a cat::2 whatever::1"],
)
async def test_what_is_known_is_drawn_without_a_word(engine: Engine, prompt: str) -> None:
    finished = await drawn(engine, prompt)
    assert finished.is_known and finished.notes == ()


@pytest.mark.parametrize("prompt", ["quantum entanglement", "ein roter Apfel", "pikachu"])
async def test_what_is_not_known_is_called_a_guess(engine: Engine, prompt: str) -> None:
    finished = await drawn(engine, prompt)
    assert not finished.is_known
    assert finished.notes == ("pocket has no drawing of anything named here, so this is a guess",)
