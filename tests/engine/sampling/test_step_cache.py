"""The step cache: what it may foretell, and that nobody's outputs reach anybody else."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.batching.batch_runner import BatchRunner
from engine.batching.batch_size import BatchSize
from engine.batching.forward import forward
from engine.batching.lanes import Lane, ParkedCall
from engine.requests import ImageToImage
from engine.sampling.moment import Moment
from engine.sampling.step_cache import TOLERANCES, StepCache
from engine.worker import lane_factory
from tests.engine.local_worker import SIZE, LocalWorker, PocketWorker, as_array, ask, png

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fixed budget, because a sweep depends on what else the machine does."""
    monkeypatch.setattr(BatchSize, "rows", lambda self, layout, waiting: 16)


@pytest.fixture(scope="module")
def pocket() -> PocketWorker:
    return PocketWorker()


@pytest.fixture(scope="module")
def fixed() -> PocketWorker:
    """In deterministic mode a row's bits depend on nothing but the row."""
    return PocketWorker(deterministic=True)


@pytest.fixture
def caches(monkeypatch: pytest.MonkeyPatch) -> list[StepCache]:
    """Every step cache that is made."""
    made, init = list[StepCache](), StepCache.__init__

    def remembered(self: StepCache, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        made.append(self)

    monkeypatch.setattr(StepCache, "__init__", remembered)
    return made


class Curve(torch.nn.Module):
    """A denoiser whose output follows a smooth curve over time, row by row; it counts the rows it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.broken = list[int](), False

    def forward(self, sample: torch.Tensor, timestep: torch.Tensor, bends: torch.Tensor) -> tuple[torch.Tensor]:
        self.rows.append(len(sample))
        level = timestep.expand(len(sample)).reshape(-1, 1, 1, 1) / 20
        output = sample + 1 + level + bends.reshape(-1, 1, 1, 1) * level**2
        return (output * math.nan if self.broken else output,)


def drive(
    curve: Curve, bends: list[float], steps: int = 20, breaks_at: int = -1
) -> tuple[list[torch.Tensor], StepCache]:
    """The outputs of all steps, as a lane would see them with the cache."""
    lane, outputs, step = Lane("lane", lambda _: None), list[torch.Tensor](), 0
    cache = StepCache(TOLERANCES["careful"], lambda: Moment(step, float(step), step == steps - 1), BatchRunner())
    sample = torch.ones(len(bends), 1, 2, 2)
    for step in range(steps):
        curve.broken = step == breaks_at
        call = ParkedCall(lane, curve, "__call__", (sample, torch.tensor(float(step))), {"bends": torch.tensor(bends)})
        outputs.append(cache.answer(call, forward)[0])
    return outputs, cache


def test_a_straight_line_is_foretold_and_the_last_step_is_not() -> None:
    curve = Curve()
    outputs, cache = drive(curve, [0.0, 0.0])
    assert cache.rows_run < cache.rows_asked / 2
    assert sum(curve.rows) <= cache.rows_run + 6  # and the proof that rows may be cut
    for step, output in enumerate(outputs):
        torch.testing.assert_close(output, torch.full((2, 1, 2, 2), 2 + step / 20))


def test_each_row_is_decided_by_its_own_outputs() -> None:
    alone = [drive(Curve(), [bend])[0] for bend in (0.0, 4.0, 0.3)]
    together, _ = drive(Curve(), [0.0, 4.0, 0.3])
    for step, outputs in enumerate(together):
        torch.testing.assert_close(outputs, torch.cat([row[step] for row in alone]))


def test_a_broken_output_does_not_stay() -> None:
    outputs, _ = drive(Curve(), [0.0, 0.0], breaks_at=2)
    assert outputs[2].isnan().all()
    for step, output in enumerate(outputs[3:], 3):
        torch.testing.assert_close(output, torch.full((2, 1, 2, 2), 2 + step / 20))


def test_a_level_at_which_nothing_is_foretold_changes_no_bit(
    pocket: PocketWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = ask(num_inference_steps=5)
    exact = pocket.draw(request.model_copy(update={"step_cache": "off"}))
    monkeypatch.setitem(lane_factory.TOLERANCES, "fast", 1e-12)
    computed = pocket.draw(request.model_copy(update={"step_cache": "fast"}))
    np.testing.assert_array_equal(exact, computed)


def test_off_computes_every_output(pocket: PocketWorker, caches: list[StepCache]) -> None:
    pocket.draw(ask(num_inference_steps=2))
    assert caches == []


def test_fewer_rows_and_nearly_the_same_picture(pocket: PocketWorker, caches: list[StepCache]) -> None:
    request = ask(num_inference_steps=12, num_images=1)
    exact = pocket.draw(request)
    sooner = pocket.finish(request.model_copy(update={"step_cache": "fast"}))
    (cache,) = caches
    assert cache.rows_run <= 0.75 * cache.rows_asked
    assert sooner.recipe is not None and sooner.recipe.step_cache == "fast"
    assert "Step cache: fast" in sooner.recipe.parameters
    again = pocket.draw(request.model_copy(update={"step_cache": "fast"}))[0].astype(int)
    assert np.abs(again - exact[0]).mean() < 8


def test_nobody_sees_the_outputs_of_others(fixed: PocketWorker) -> None:
    """The same bits alone as among others, and as a cell of a grid."""
    fields = {"num_inference_steps": 8, "step_cache": "fast", **SIZE}
    first, second = ask(seed=7, **fields), ask(seed=400, prompt="a house", **fields)
    one, other = fixed.draw(first), fixed.draw(second)
    cell = fixed.draw(ask(seed=8, **{**fields, "num_images": 1}))
    together = fixed.run(first.model_copy(update={"id": "a"}), second.model_copy(update={"id": "b"}))
    for messages, alone in zip(together, (one, other), strict=True):
        for image, expected in zip(messages[-1].finished.images, alone, strict=True):
            np.testing.assert_array_equal(as_array(image.png), expected)
    np.testing.assert_array_equal(cell[0], one[1])


@pytest.mark.parametrize("family", ["stable-diffusion", "z-image", "qwen-image", "flux"])
def test_families_draw_with_it(family_folder: Callable[[str], Path], caches: list[StepCache], family: str) -> None:
    worker = LocalWorker(family_folder(family))
    exact = worker.draw(ask(num_inference_steps=10, **SIZE))
    sooner = worker.draw(ask(num_inference_steps=10, step_cache="fast", **SIZE))
    (cache,) = caches
    assert 0 < cache.rows_run < cache.rows_asked
    assert np.abs(np.asarray(sooner, int) - np.asarray(exact, int)).mean() < 8


def test_a_second_call_at_the_same_time_is_computed(
    family_folder: Callable[[str], Path], caches: list[StepCache]
) -> None:
    worker = LocalWorker(family_folder("stable-diffusion"))
    request = ask(num_inference_steps=6, noise_scheduler="HeunDiscreteScheduler", **SIZE)
    exact = worker.draw(request)
    np.testing.assert_array_equal(worker.draw(request.model_copy(update={"step_cache": "careful"})), exact)
    assert caches[0].rows_run == caches[0].rows_asked


def test_a_picture_to_start_from_is_no_obstacle(pocket: PocketWorker) -> None:
    image = png(np.full((64, 64, 3), 128, np.uint8))
    cells = pocket.draw(ask(ImageToImage, image=image, strength=0.8, num_inference_steps=10, step_cache="fast"))
    assert len(cells) == 2
