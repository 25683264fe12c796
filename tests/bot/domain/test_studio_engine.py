"""The studio over the real engine with a tiny pipeline: what can be done with a picture, and a crash in the middle."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from bot.domain.model import Job, JobState, Verb
from bot.domain.prompting.derivation import derive
from engine import Engine, EngineSettings, InvalidRequest, ModelSettings, Progress
from tests.bot.domain.studios import OWNER, StoredStudio
from tests.patience import until

STEPS = 16
"""Enough for previews on the way, and for a kill in the middle."""

in_one_loop = pytest.mark.asyncio(loop_scope="module")
# A worker of its own has to import torch first; slow machines run many tests beside this one.
pytestmark = [in_one_loop, pytest.mark.timeout(600)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    from tests.engine import families

    folder = families.folder("stable-diffusion", tmp_path_factory.getbasetemp() / "families")
    tiny = ModelSettings(source=str(folder), num_inference_steps=STEPS)
    settings = EngineSettings(devices=("cpu",), threads=1, models={"tiny": tiny}, default_model="tiny", safety=False)
    async with Engine(settings) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def house(engine: Engine, tmp_path: Path) -> AsyncIterator[StoredStudio]:
    opened = await StoredStudio(tmp_path, real=engine).open()
    yield opened
    await opened.close()


async def done(house: StoredStudio, job: Job) -> Job:
    async with asyncio.timeout(280):
        return await house.job_service.wait(job.id)


async def imagine(house: StoredStudio, **options: object) -> Job:
    return await done(house, await house.submit(prompt="a red apple", spec_fields={"count": 2}, **options))


async def derived(house: StoredStudio, parent: Job, verb: Verb, **fields: object) -> Job:
    spec = derive(parent, verb, 1, seed=5, **{"count": 1, **fields})
    job = await done(house, await house.submit(spec=spec))
    assert job.state is JobState.DELIVERED, job.error
    return job


async def size(house: StoredStudio, job: Job) -> tuple[int, int]:
    return Image.open(io.BytesIO(await house.job_service.picture(job.id, 0))).size


async def test_everything_that_is_made_from_a_cell(house: StoredStudio) -> None:
    parent = await imagine(house)
    assert parent.state is JobState.DELIVERED
    assert any(isinstance(event, Progress) and event.preview for _, event in house.wall.shown)
    assert parent.gpu_ms and parent.recipe
    width, height = await size(house, parent)
    for verb in (Verb.VARY_SUBTLE, Verb.VARY_STRONG):
        assert await size(house, await derived(house, parent, verb)) == (width, height)
    assert await size(house, await derived(house, parent, Verb.ZOOM, zoom=2.0))
    panned = await derived(house, parent, Verb.PAN, pan=(0.0, 0.5, 0.0, 0.0))
    assert (await size(house, panned))[0] > width
    mask = Image.new("L", (width, height))
    mask.paste(255, (0, 0, width // 2, height))
    drawn = io.BytesIO()
    mask.save(drawn, "PNG")
    await house.pictures.put("uploads/mask.png", drawn.getvalue())
    region = await derived(house, parent, Verb.REGION, mask="uploads/mask.png")
    before = Image.open(io.BytesIO(await house.job_service.picture(parent.id, 1))).convert("RGB")
    after = Image.open(io.BytesIO(await house.job_service.picture(region.id, 0))).convert("RGB")
    right = (width // 2, 0, width, height)
    assert after.crop(right).tobytes() == before.crop(right).tobytes()
    assert after.tobytes() != before.tobytes()


async def test_rules_see_the_size_of_what_comes_out(house: StoredStudio) -> None:
    parent = await imagine(house)
    wide = await derived(house, parent, Verb.PAN, pan=(0.0, 0.5, 0.0, 0.0), count=2)
    assert await size(house, wide) == (96, 64)
    mask = io.BytesIO()
    Image.new("L", await size(house, wide), 255).save(mask, "PNG")
    await house.pictures.put("uploads/wide.png", mask.getvalue())
    for verb, fields in (
        (Verb.VARY_STRONG, {}),
        (Verb.REGION, {"mask": "uploads/wide.png"}),
        (Verb.ZOOM, {"zoom": 1.5}),
        (Verb.PAN, {"pan": (0.0, 0.5, 0.0, 0.0)}),
        (Verb.PAN, {"pan": (0.0, 0.0, 0.5, 0.0)}),
        (Verb.UPSCALE_SUBTLE, {}),
        (Verb.UPSCALE_CREATIVE, {}),
    ):
        job = await derived(house, wide, verb, **fields)
        seen = house.rules.checked[-1].spec
        assert (seen.width, seen.height) == await size(house, job), verb


async def test_killed_in_the_middle_the_same_picture_comes_out(house: StoredStudio) -> None:
    undisturbed = await imagine(house)
    expected = [await house.job_service.picture(undisturbed.id, cell) for cell in range(2)]
    house.wall.shown.clear()
    job = await house.submit(prompt="a red apple", spec_fields={"count": 2})
    await until(lambda: any(isinstance(event, Progress) for _, event in house.wall.shown))
    await house.restart()
    again = await done(house, job)
    assert (again.state, again.epoch) == (JobState.DELIVERED, 1)
    pictures = [await house.job_service.picture(job.id, cell) for cell in range(2)]
    assert [Image.open(io.BytesIO(content)).tobytes() for content in pictures] == [
        Image.open(io.BytesIO(content)).tobytes() for content in expected
    ]
    assert (await house.charged(job))[:2] == ("settled", 2)


async def test_cancelled_on_the_way_costs_what_was_used(house: StoredStudio) -> None:
    house.wall.shown.clear()
    job = await house.submit(prompt="a red apple", spec_fields={"count": 2})
    await until(lambda: any(isinstance(event, Progress) and event.step for _, event in house.wall.shown))
    cancelled = await house.job_service.cancel(job.id, OWNER)
    assert cancelled.state is JobState.CANCELLED
    state, pictures, gpu_ms = await house.charged(job)
    # How far the engine came meanwhile is its own affair; the exact part is tested with a scripted one.
    assert state == "settled" and 0 <= pictures <= 2
    assert gpu_ms > 0
    await done(house, job)


async def test_what_no_model_can_do_is_refused_uncharged(house: StoredStudio) -> None:
    with pytest.raises(InvalidRequest, match="model"):
        from tests.bot.store.asks import ask

        asked = ask("x")
        options = asked.spec.options.model_copy(update={"model": "nothing"})
        spec = asked.spec.model_copy(update={"options": options})
        await house.job_service.submit(asked.model_copy(update={"spec": spec}))
    assert await house.used() == {}
