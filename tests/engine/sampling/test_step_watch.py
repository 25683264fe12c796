"""The step watch: early stop (`--stop N`), and the pipelines inside a pipeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch

from engine.batching.lanes import Lane, ParkedCall
from engine.requests import Blend, ImageRequest, ImageToImage, Inpaint, Outpaint, Upscale
from engine.sampling.step_watch import StepWatch, with_inner
from tests.engine.local_worker import LocalWorker, PocketWorker, ask, png

SIDE = 64


@pytest.fixture(scope="module")
def pocket() -> LocalWorker:
    return PocketWorker()


def asked(stop: float, kind: type[ImageRequest] = ImageRequest, **fields: object) -> ImageRequest:
    return ask(kind, width=SIDE, height=SIDE, **{"num_images": 1, "num_inference_steps": 3} | fields, stop_at=stop)


def test_the_built_in_model_draws_at_every_stop(pocket: LocalWorker) -> None:
    for messages in pocket.run(*(asked(stop / 100) for stop in range(10, 100, 7))):
        (image,) = messages[-1].finished.images
        assert (image.width, image.height) == (SIDE, SIDE)


@pytest.mark.parametrize("stop", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("cells", [1, 3])
@pytest.mark.parametrize("tile", [False, True])
def test_grids_and_tiles_stop_early_too(pocket: LocalWorker, stop: float, cells: int, tile: bool) -> None:
    drawn = pocket.draw(asked(stop, num_images=cells, tile=tile))
    assert [cell.shape for cell in drawn] == [(SIDE, SIDE, 3)] * cells


@pytest.mark.parametrize("stop", [0.1, 0.5, 0.99])
def test_every_kind_of_request_stops_early(pocket: LocalWorker, stop: float) -> None:
    image, mask = (
        png(np.full((SIDE, SIDE, 3), 120, np.uint8)),
        png(np.pad(np.full((32, 32, 3), 255, np.uint8), ((16, 16), (16, 16), (0, 0)))),
    )
    for kind, fields in (
        (ImageToImage, {"image": image}),
        (Inpaint, {"image": image, "mask": mask}),
        (Outpaint, {"image": image, "zoom": 1.5}),
        (Blend, {"images": (image, image)}),
        (Upscale, {"image": image, "mode": "creative", "factor": 2}),
    ):
        assert pocket.draw(asked(stop, kind, **fields))


def test_an_idle_loop_answers_for_its_own_denoiser_only() -> None:
    lane = Lane("id", lambda _: None)
    watch = StepWatch(lane, lambda _: False, lambda *_: None, stop_at=0.5)
    denoiser, other = torch.nn.Identity(), torch.nn.Identity()
    lane.last_outputs[denoiser] = "noise"
    calls = {module: ParkedCall(lane, module, "__call__", (), {}) for module in (denoiser, other)}
    assert watch.answer(calls[denoiser]) is NotImplemented
    watch._is_idle = True
    assert (watch.answer(calls[denoiser]), watch.answer(calls[other])) == ("noise", NotImplemented)


@pytest.mark.parametrize(("stop", "steps", "last"), [(0.07, 100, 7), (0.55, 20, 11), (0.1, 3, 1), (0.99, 10, 10)])
def test_a_stop_counts_whole_steps(stop: float, steps: int, last: int) -> None:
    watch = StepWatch(Lane("id", lambda _: None), lambda _: False, lambda *_: None, stop_at=stop)
    watch._steps = steps
    assert watch._stop_after == last


def test_pipelines_inside_a_pipeline_are_found(family_folder: Callable[[str], Path]) -> None:
    combined = diffusers.DiffusionPipeline.from_pretrained(family_folder("kandinsky-2.2"))
    assert len(with_inner(combined)) == 3
