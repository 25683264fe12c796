"""Which requests draw with one row for each picture, and in how many steps, through the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from engine.requests import Edit, ImageRequest, ImageToImage, Inpaint
from tests.engine.local_worker import PocketWorker, as_array, ask, png

pytestmark = pytest.mark.filterwarnings("ignore")
IMAGE = png(np.full((64, 64, 3), 200, np.uint8))
MASK = png(np.pad(np.full((32, 64, 3), 255, np.uint8), ((0, 32), (0, 0), (0, 0))))


@pytest.fixture(scope="module")
def worker() -> PocketWorker:
    return PocketWorker(threads=1)


@pytest.fixture
def rows(worker: PocketWorker) -> Iterator[list[int]]:
    """The rows of every pass of the denoiser."""
    seen: list[int] = []
    handle = worker.model.parkable["unet"].register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    yield seen
    handle.remove()


def asked(kind: type[ImageRequest] = ImageRequest, **fields: Any) -> Any:
    return ask(kind, **{"num_images": 1, "width": 128, "height": 128, "num_inference_steps": None} | fields)


def test_words_alone_take_one_row_and_few_steps(worker: PocketWorker, rows: list[int]) -> None:
    worker.draw(asked())

    assert rows == [1] * worker.model.spec.num_inference_steps


def test_a_negative_prompt_takes_two_rows_and_is_heard(worker: PocketWorker, rows: list[int]) -> None:
    (plain,) = worker.draw(asked(prompt="apple, 3d"))
    rows.clear()
    (without,) = worker.draw(asked(prompt="apple, 3d", negative_prompt="red"))

    assert rows == [2] * worker.model.spec.num_inference_steps
    redness = [float((cell[..., 0].astype(float) - cell[..., 1]).mean()) for cell in (plain, without)]
    assert redness[1] < redness[0]


@pytest.mark.parametrize(
    ("kind", "fields", "steps"),
    [(ImageToImage, {"strength": 0.25}, 3), (Inpaint, {"mask": MASK, "strength": 0.5}, 6)],
)
def test_pictures_to_start_from_take_two_rows(
    worker: PocketWorker, rows: list[int], kind: type[ImageRequest], fields: dict[str, Any], steps: int
) -> None:
    worker.draw(asked(kind, image=IMAGE, **fields))

    assert rows == [2] * steps


def test_an_edit_compares_the_answers_of_two_rows(worker: PocketWorker, rows: list[int]) -> None:
    worker.draw(asked(Edit, image=IMAGE, prompt="red heart, flat", description="blue heart, flat", mask=MASK))

    assert set(rows) == {4}, "old and new words, each with and without"


def test_a_crowd_of_both_draws_what_each_draws_alone(worker: PocketWorker) -> None:
    crowd = [
        asked(seed=1),
        asked(seed=2, prompt="rocket, flat on a blue background", num_images=2),
        asked(seed=3, negative_prompt="red"),
        asked(seed=4, guidance_scale=1.0),
        asked(seed=5, guidance_scale=6.0, chaos=0.5),
        asked(ImageToImage, seed=6, image=IMAGE, strength=0.5),
    ]
    alone = [worker.finish(request).images for request in crowd]

    together = [messages[-1].finished.images for messages in worker.run(*crowd)]

    for one, other in zip(alone, together, strict=True):
        for mine, theirs in zip(one, other, strict=True):
            assert _apart(mine.png, theirs.png) <= 2


def test_with_fixed_shapes_company_changes_no_bit() -> None:
    fixed = PocketWorker(threads=1, deterministic=True)
    crowd = [asked(seed=1), asked(seed=2, prompt="a large red rocket, flat on a blue background", guidance_scale=1.0)]
    alone = [fixed.finish(request).images[0].png for request in crowd]

    together = [messages[-1].finished.images[0].png for messages in fixed.run(*crowd)]

    assert alone == together


def _apart(one: bytes, other: bytes) -> int:
    return int(np.abs(as_array(one).astype(int) - as_array(other)).max())
