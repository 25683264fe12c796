"""Denoisers nobody described to the engine: what they do besides computing must not reach anybody else's picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from engine.batching.batch_runner import BatchRunner
from engine.batching.lanes import Lane, ParkedCall
from tests.engine.batched_pipelines import Ask, BatchedPipelines, Model, stock
from tests.engine.families import FAMILIES, T2I

TOLERANCE = 1e-5


class Dice(diffusers.UNet2DConditionModel):
    """Asks nobody for a generator."""

    def forward(self, sample: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        return super().forward(sample + 0.3 * torch.randn_like(sample), *args, **kwargs)


class Scribbler(diffusers.UNet2DConditionModel):
    """Writes into what it is given, so that a second look at it gives the same."""

    def forward(self, sample: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        return super().forward(sample.clamp_(-0.5, 0.5), *args, **kwargs)


class Crowd(diffusers.UNet2DConditionModel):
    """Knows one row from several: what batch normalisation does in training."""

    def forward(self, sample: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        return super().forward(sample - sample.mean() + 0.1 * sample.std(), *args, **kwargs)


@pytest.fixture(scope="module")
def family(family_folder: Callable[[str], Path]) -> Model:
    folder = family_folder("stable-diffusion")
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(folder)
    # Its samples go to the denoiser as they are, so that writing into them is felt.
    pipeline.scheduler = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config)
    return Model(FAMILIES["stable-diffusion"], pipeline)


def odd(family: Model, kind: type[diffusers.UNet2DConditionModel]) -> Model:
    unet = kind.from_config(family.pipeline.unet.config)
    unet.load_state_dict(family.pipeline.unet.state_dict())
    parts = {**family.pipeline.components, "unet": unet.eval()}
    return Model(family.family, diffusers.StableDiffusionPipeline(**parts, requires_safety_checker=False))


def seeded(model: Model, ask: Ask) -> torch.Tensor:
    torch.manual_seed(0)  # as every lane's own state begins
    return stock(model, ask)


@pytest.mark.parametrize("kind", [Dice, Scribbler, Crowd])
def test_an_odd_denoiser_draws_in_a_crowd_what_it_draws_alone(
    kind: type[diffusers.UNet2DConditionModel], family: Model
) -> None:
    model = odd(family, kind)
    asks = [
        Ask(T2I, prompt, seed=seed, steps=4, guided=False) for seed, prompt in enumerate(("a fox", "two boats", "a"))
    ]
    expected = [seeded(model, ask) for ask in asks]
    assert float((expected[0] - seeded(family, asks[0])).abs().max()) > 1e-3, "the oddity must be felt"
    batched = BatchedPipelines()
    for _ in range(2):
        lanes = [batched.join(model, ask) for ask in asks]
        batched.finish()
        for lane, picture in zip(lanes, expected, strict=True):
            assert float((lane.result - picture).abs().max()) <= TOLERANCE


def test_what_one_lane_draws_at_random_is_not_moved_by_others() -> None:
    drawn: dict[str, list[float]] = {}
    module = torch.nn.Identity()

    def work(lane: Lane) -> None:
        drawn[lane.id] = [float(torch.randn(()))]
        for _ in range(2):
            lane.park(ParkedCall(lane, module, "forward", (torch.zeros(1),), {}))
            drawn[lane.id].append(float(torch.randn(())))

    torch.manual_seed(5)
    outer = torch.get_rng_state()
    lanes = [Lane(name, work) for name in ("one", "other")]
    for lane in lanes:
        lane.start()
    for lane in (lanes[1], lanes[0], lanes[0], lanes[1]):
        lane.resume(None)
    assert drawn["one"] == drawn["other"]
    assert torch.equal(torch.get_rng_state(), outer), "and the process's own state is left alone"


@dataclasses.dataclass
class Wrapped:
    sample: torch.Tensor
    note: str


@pytest.mark.parametrize(
    "wrap",
    [
        lambda out: out,
        lambda out: (out, out * 2),
        lambda out: [out, out],
        lambda out: {"sample": out},
        lambda out: Wrapped(out, "of mine"),
        lambda out: (out, None, "of mine", out.view(out.shape)),
    ],
    ids=["tensor", "tuple", "list", "dict", "dataclass", "mixed"],
)
def test_whatever_form_an_output_has_every_lane_gets_its_own(wrap: Callable[[torch.Tensor], Any]) -> None:
    class Shaped(torch.nn.Module):
        def forward(self, sample: torch.Tensor, **_extra: Any) -> Any:
            return wrap(sample * 2)

    module, batch_runner = Shaped(), BatchRunner()
    for _ in range(3):
        calls = [
            ParkedCall(Lane(str(rows), print), module, "forward", (torch.rand(rows, 3),), {"extra": {"scale": 2}})
            for rows in (1, 2, 2)
        ]
        waiting = list(calls)
        while waiting:
            batch = batch_runner.choose(waiting[0], waiting[1:], lambda layout, waiting: 64)
            for call, output in zip(batch.calls, batch_runner.run(batch), strict=True):
                expected = wrap(call.args[0] * 2)
                assert type(output) is type(expected)
                assert repr(output) == repr(expected)
                waiting.remove(call)
