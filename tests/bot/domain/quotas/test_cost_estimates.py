"""Estimates that learn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.quotas.cost_estimates import (
    UNKNOWN_MS_PER_MEGAPIXEL_STEP,
    CostClass,
    LearntEstimates,
    Timing,
    cost_class_of,
    ms_per_image,
)
from engine.requests import Describe, ImageRequest, ImageToImage, Outpaint, Upscale


class MemoryTimings:
    def __init__(self) -> None:
        self.known: dict[CostClass, Timing] = {}

    async def of_model(self, model: str) -> list[Timing]:
        return [timing for cost_class, timing in self.known.items() if cost_class.model == model]

    async def learn(self, cost_class: CostClass, ms_per_image: float) -> None:
        known = self.known.get(cost_class)
        self.known[cost_class] = (
            Timing(cost_class, ms_per_image) if known is None else known.with_measured(ms_per_image)
        )


def request(**more: object) -> ImageRequest:
    fields = {"prompt": "x", "model": "pocket", "width": 512, "height": 512, "num_inference_steps": 20, "num_images": 4}
    return ImageRequest.model_validate({**fields, **more})


async def test_the_first_estimate_is_a_guess_by_size_and_steps() -> None:
    estimates = LearntEstimates(MemoryTimings())
    expected = 512 * 512 / 1e6 * 20 * 4 * UNKNOWN_MS_PER_MEGAPIXEL_STEP
    assert await estimates.estimate_ms(request()) == pytest.approx(expected)


async def test_the_same_work_costs_what_it_was_measured_at() -> None:
    estimates = LearntEstimates(MemoryTimings())
    await estimates.learn(request(), 4000.0)
    assert await estimates.estimate_ms(request()) == 4000.0
    assert await estimates.estimate_ms(request(num_images=1)) == 1000.0


async def test_other_sizes_and_steps_are_scaled_from_the_nearest() -> None:
    estimates = LearntEstimates(MemoryTimings())
    await estimates.learn(request(), 4000.0)
    assert await estimates.estimate_ms(request(num_inference_steps=40)) == pytest.approx(8000.0)
    assert await estimates.estimate_ms(request(width=1024)) == pytest.approx(8000.0)
    await estimates.learn(request(num_inference_steps=40), 10_000.0)
    assert await estimates.estimate_ms(request(num_inference_steps=44)) == pytest.approx(11_000.0)


async def test_models_do_not_learn_from_each_other_but_kinds_do() -> None:
    estimates = LearntEstimates(MemoryTimings())
    await estimates.learn(request(), 4000.0)
    assert await estimates.estimate_ms(request(model="other")) != 4000.0
    half = ImageToImage.model_validate({**request().model_dump(), "image": b"x", "strength": 0.5})
    assert await estimates.estimate_ms(half) == pytest.approx(2000.0)


def test_stopping_early_is_less_work() -> None:
    assert cost_class_of(request(stop_at=0.5)).steps == 10


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=50))
def test_the_mean_stays_among_what_was_measured(measured: list[float]) -> None:
    cost_class = cost_class_of(request())
    timing = Timing(cost_class, measured[0])
    for ms in measured[1:]:
        timing = timing.with_measured(ms)
    assert min(measured) * 0.999 <= timing.ms_per_image <= max(measured) * 1.001
    assert timing.samples == len(measured)


def test_it_follows_a_change() -> None:
    timing = Timing(cost_class_of(request()), 1000.0)
    for _ in range(20):
        timing = timing.with_measured(500.0)
    assert timing.ms_per_image == pytest.approx(500.0, rel=0.05)
    assert ms_per_image(timing.cost_class, [timing]) == timing.ms_per_image


async def test_words_and_larger_copies_say_nothing_about_drawing() -> None:
    estimates = LearntEstimates(MemoryTimings())
    picture = {**request(num_images=1).model_dump(), "image": b"x"}
    await estimates.learn(request(), 4000.0)
    await estimates.learn(Describe.model_validate(picture), 10.0)
    await estimates.learn(Upscale.model_validate({**picture, "mode": "subtle"}), 100.0)

    assert await estimates.estimate_ms(request(num_images=1)) == pytest.approx(1000.0)
    assert await estimates.estimate_ms(Describe.model_validate(picture)) == pytest.approx(10.0)
    half = ImageToImage.model_validate({**picture, "strength": 0.5})
    assert await estimates.estimate_ms(half) == pytest.approx(500.0), "from drawing, though describing was measured too"
    creative = Upscale.model_validate({**picture, "mode": "creative", "factor": 2.0, "strength": 0.5})
    assert await estimates.estimate_ms(creative) == pytest.approx(2000.0), "four times the pixels in half the steps"


@pytest.mark.parametrize(
    "asked",
    [
        request(stop_at=0.5),
        ImageToImage.model_validate({**request().model_dump(), "image": b"x", "strength": 0.5}),
        Outpaint.model_validate({**request().model_dump(), "image": b"x", "zoom": 2.0, "strength": 0.5}),
        Upscale.model_validate({**request(num_images=1).model_dump(), "image": b"x", "factor": 2, "mode": "creative"}),
        Upscale.model_validate({**request(num_images=1).model_dump(), "image": b"x"}),
        Describe.model_validate({**request().model_dump(), "image": b"x"}),
    ],
    ids=lambda asked: type(asked).__name__,
)
def test_engine_and_bot_know_one_measure_of_work(asked: ImageRequest) -> None:
    assert cost_class_of(asked).units * asked.num_images == pytest.approx(asked.work)


def test_an_outpaint_of_half_the_strength_takes_half_the_steps() -> None:
    whole, half = (
        Outpaint.model_validate({**request().model_dump(), "image": b"x", "strength": strength})
        for strength in (1.0, 0.5)
    )
    assert half.work == whole.work / 2
