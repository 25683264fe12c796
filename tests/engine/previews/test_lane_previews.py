"""The first preview is for everybody; whatever else is shown on the way has to be paid for."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from PIL import Image

from engine.events import Preview
from engine.previews.lane_previews import LanePreviews
from engine.previews.preview_gate import TimeBudget
from engine.previews.previewer import Previewer


@pytest.mark.parametrize("is_rich", [True, False])
def test_the_first_preview_needs_no_allowance_and_its_frame_does(is_rich: bool) -> None:
    now_s, told = [0.0], list[Preview | None]()
    time_budget = TimeBudget(clock=lambda: now_s[0])
    time_budget.spend(0.0 if is_rich else 1.0)
    now_s[0] = 1.0
    with ThreadPoolExecutor(1) as executor:
        previews = LanePreviews(
            Previewer(None, None), (8, 8), lambda _step, _steps, preview: told.append(preview), time_budget, executor
        )
        for step in (1, 2):
            wanted = previews.wants_x0(step)
            previews.show(step, 4, torch.zeros(1, 3, 8, 8) if wanted else None)
            previews.settle()
    assert told[0] is not None
    assert bool(previews.frames) == is_rich


def test_previews_and_frames_have_the_size_of_the_picture() -> None:
    told = list[Preview | None]()
    with ThreadPoolExecutor(1) as executor:
        previews = LanePreviews(
            Previewer(None, None), (8, 8), lambda _step, _steps, preview: told.append(preview),
            TimeBudget(clock=lambda: 1.0), executor, shown_size=(32, 32),
        )  # fmt: skip
        previews.show(1, 4, torch.zeros(4, 3, 8, 8))
        previews.settle()
    assert told[0] is not None and (told[0].width, told[0].height) == (64, 64)
    assert Image.open(io.BytesIO(previews.frames[1])).size == (64, 64)
