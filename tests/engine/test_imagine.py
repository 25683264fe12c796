"""What the command line does with the engine: a plain script, progress on the way, pictures that carry their recipe."""

import asyncio
import io
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from engine import Engine, EngineSettings, Event, Finished, ImageRequest, InvalidRequest, Progress, Queued, Started
from engine.pictures.parameters import read_request

in_one_loop = pytest.mark.asyncio(loop_scope="module")

# No `if __name__ == "__main__"`: starting a worker must not run the caller's script again.
SCRIPT = """
import asyncio, sys
from pathlib import Path
from engine import Engine, EngineSettings, Finished, ImageRequest, Progress

async def imagine(folder, out):
    async with Engine(EngineSettings(devices=("cpu",), default_model=folder, safety=False)) as engine:
        async for event in engine.submit(ImageRequest(prompt="apple", seed=7, num_inference_steps=3, num_images=2)):
            match event:
                case Progress(step, steps):
                    print(f"{step}/{steps}")
                case Finished(images):
                    for image in images:
                        Path(out, f"{image.seed}.png").write_bytes(image.png)

asyncio.run(imagine(*sys.argv[1:]))
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(family_folder: Callable[[str], Path]) -> AsyncIterator[Engine]:
    folder = family_folder("stable-diffusion")
    async with Engine(EngineSettings(devices=("cpu",), default_model=str(folder), safety=False)) as running:
        yield running


def test_a_plain_script_makes_pictures(family_folder: Callable[[str], Path], tmp_path: Path) -> None:
    script = tmp_path / "imagine.py"
    script.write_text(SCRIPT)
    folder = str(family_folder("stable-diffusion"))
    done = subprocess.run(
        [sys.executable, script, folder, tmp_path],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    step, _, steps = done.stdout.split()[-1].partition("/")
    assert step == steps
    seeds = [read_request((tmp_path / f"{seed}.png").read_bytes()).seed for seed in (7, 8)]
    assert seeds == [7, 8]


@in_one_loop
async def test_a_picture_is_made_again_from_what_it_carries(engine: Engine) -> None:
    asked = ImageRequest(prompt="a red apple", negative_prompt="blue", seed=5, num_inference_steps=12, num_images=2)
    events = await heard(engine, asked)
    assert list(dict.fromkeys(map(type, events))) == [Queued, Started, Progress, Finished]
    assert any(isinstance(event, Progress) and event.preview for event in events)
    first = last(events)
    again = last(await heard(engine, read_request(first.images[1].png, num_images=1)))
    assert difference(pixels(again)[0], pixels(first)[1]) <= 1, "cell 1 of the grid, drawn alone"
    assert first.gpu_ms > 0 and first.recipe and first.recipe.num_inference_steps == 12


@in_one_loop
async def test_many_at_once_are_the_same_as_one_alone(engine: Engine) -> None:
    asked = [ImageRequest(prompt=f"{n} apples", seed=n, num_inference_steps=3 + n, num_images=1) for n in range(4)]
    alone = [pixels(last(await heard(engine, one)))[0] for one in asked]
    together = await asyncio.gather(
        *(heard(engine, one.model_copy(update={"id": f"again {one.seed}"})) for one in asked)
    )
    for one, other in zip(alone, [pixels(last(events))[0] for events in together], strict=True):
        assert difference(one, other) <= 1


@in_one_loop
async def test_what_no_model_can_make_is_refused_or_snapped(engine: Engine) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await engine.resolve(ImageRequest(prompt="x", noise_scheduler="NoSuchScheduler"))
    assert refused.value.field == "noise_scheduler"
    with pytest.raises(InvalidRequest):
        ImageRequest(prompt=" ")
    with pytest.raises(InvalidRequest):
        ImageRequest(prompt="x", num_inference_steps=-1)
    resolved = await engine.resolve(ImageRequest(prompt="x", width=67, height=64, num_inference_steps=1, num_images=1))
    result = last([event async for event in engine.submit(resolved)])
    assert (result.images[0].width, result.images[0].height) == (resolved.request.width, resolved.request.height)
    assert resolved.request.width != 67 and any("64x64" in note for note in result.notes)


async def heard(engine: Engine, request: ImageRequest) -> list[Event]:
    return [event async for event in engine.submit(request)]


def last(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


def pixels(finished: Finished) -> list[bytes]:
    return [Image.open(io.BytesIO(image.png)).tobytes() for image in finished.images]


def difference(one: bytes, other: bytes) -> int:
    """The largest difference of two pictures' pixels, in 255ths."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True))
