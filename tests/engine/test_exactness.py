"""Merged is the same as alone: stock diffusers pipelines against lanes that share every forward pass they may."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from engine.batching.lanes import Lane, Stage
from engine.batching.module_proxies import stage_of
from tests.engine.families import FAMILIES, I2I, INPAINT, T2I
from tests.engine.room import Ask, Model, Room, count_calls, stock

TOLERANCE = 1e-5
"""On pictures in [0, 1], float32."""

PROMPTS = ("a red apple", "a blue bird in the rain, by night", "two boats")


@pytest.fixture(scope="module")
def model(family_folder: Callable[[str], Path]) -> Callable[[str], Model]:
    """A family's weights, loaded once a module."""
    loaded: dict[str, Model] = {}

    def load(name: str) -> Model:
        if name not in loaded:
            loaded[name] = Model(FAMILIES[name], load_stock(family_folder(name)))
        return loaded[name]

    return load


def load_stock(folder: Path) -> Any:
    if (folder / "model_index.json").exists():
        return diffusers.DiffusionPipeline.from_pretrained(folder)
    pipeline = diffusers.ModularPipeline.from_pretrained(str(folder))
    pipeline.load_components()
    return pipeline


def crowd(family: Model) -> list[Ask]:
    """Requests that differ in everything: prompt length, seed, steps, guidance, number of cells, task."""
    asks = [
        Ask(T2I, PROMPTS[0], seed=1, steps=4, cells=2),
        Ask(T2I, PROMPTS[1], seed=9, steps=3),
        Ask(T2I, PROMPTS[2], seed=5, steps=5, guided=False),
        Ask(I2I, PROMPTS[0], seed=2, steps=4, strength=0.6),
        Ask(I2I, PROMPTS[1], seed=3, steps=5, guided=False, cells=2),
        Ask(INPAINT, PROMPTS[2], seed=4, steps=4, strength=0.8),
        Ask(INPAINT, PROMPTS[0], seed=8, steps=3, strength=1.0),
    ]
    return [ask for ask in asks if ask.task in family.family.tasks]


def together(room: Room, family: Model, asks: list[Ask], ticks_between: int = 1) -> list[Lane]:
    """Let requests join a few ticks after one another and run to their ends; each leaves when it is done."""
    lanes = []
    for ask in asks:
        lanes.append(room.join(family, ask))
        for _ in range(ticks_between):
            room.tick()
    room.finish()
    return lanes


def assert_same(lanes: list[Lane], expected: list[torch.Tensor]) -> None:
    for lane, picture in zip(lanes, expected, strict=True):
        assert torch.isfinite(picture).all()
        assert distance(lane.result, picture) <= TOLERANCE, lane.id


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    assert one.shape == other.shape
    return float((one.double() - other.double()).abs().max())


@pytest.mark.parametrize("name", FAMILIES)
def test_a_crowd_gets_the_pictures_that_each_would_get_alone(name: str, model: Callable[[str], Model]) -> None:
    family = model(name)
    asks = crowd(family)
    assert_same(together(Room(), family, asks), [stock(family, ask) for ask in asks])


@pytest.mark.parametrize("name", FAMILIES)
def test_what_may_share_a_forward_pass_does(name: str, model: Callable[[str], Model]) -> None:
    """Four requests at different steps and seeds; what is proved in the first round is used in the second."""
    family = model(name)
    first = next(iter(family.family.tasks))
    asks = [Ask(first, PROMPTS[0], seed=10 * i, steps=4, strength=1.0) for i in range(4)]
    room = Room()
    solo = count_calls(family.denoisers, lambda: [stock(family, ask) for ask in asks])
    together(room, family, asks)
    room.shared.clear()
    calls = count_calls(family.denoisers, lambda: together(room, family, asks))
    assert calls <= 0.6 * solo
    assert max(room.shared) >= 3


@pytest.mark.parametrize("name", ["stable-diffusion-xl", "z-image", "kandinsky-2.2", "qwen-image"])
def test_a_room_full_of_strangers_in_any_order(name: str, model: Callable[[str], Model]) -> None:
    """Joins at random ticks, proofs of earlier rounds kept: nothing that was learned from one makes another wrong."""
    family, room, order = model(name), Room(), random.Random(7)
    asks = crowd(family)
    expected = [stock(family, ask) for ask in asks]
    for _ in range(3):
        shuffled = order.sample(range(len(asks)), len(asks))
        lanes = together(room, family, [asks[i] for i in shuffled], ticks_between=order.randrange(3))
        assert_same(lanes, [expected[i] for i in shuffled])


NOISE_SCHEDULERS = {
    "Euler": diffusers.EulerDiscreteScheduler,
    "EulerAncestral": diffusers.EulerAncestralDiscreteScheduler,
    "Heun": diffusers.HeunDiscreteScheduler,
    "DDIM": diffusers.DDIMScheduler,
    "DDPM": diffusers.DDPMScheduler,
    "PNDM": diffusers.PNDMScheduler,
    "DPM++ 2M": diffusers.DPMSolverMultistepScheduler,
    "DPM++ SDE": diffusers.DPMSolverSinglestepScheduler,
    "DEIS": diffusers.DEISMultistepScheduler,
    "UniPC": diffusers.UniPCMultistepScheduler,
    "LCM": diffusers.LCMScheduler,
    "TCD": diffusers.TCDScheduler,
}


@pytest.mark.parametrize("name", ["stable-diffusion", "stable-diffusion-xl"])
def test_every_noise_scheduler_keeps_its_own_state_in_one_batch(name: str, model: Callable[[str], Model]) -> None:
    family = model(name)
    config = family.pipeline.scheduler.config
    asks = [
        Ask(T2I, PROMPTS[i % 3], seed=i, steps=4 + i % 3, noise_scheduler=cls.from_config(config))
        for i, cls in enumerate(NOISE_SCHEDULERS.values())
    ]
    expected = [stock(family, replace(ask)) for ask in asks]
    room = Room()
    assert_same(together(room, family, asks), expected)
    assert max(room.shared) >= 8


FLOW = {
    "FlowMatchEuler": diffusers.FlowMatchEulerDiscreteScheduler,
    "FlowMatchHeun": diffusers.FlowMatchHeunDiscreteScheduler,
}


def test_noise_schedulers_of_flow_matching_share_a_batch_too(model: Callable[[str], Model]) -> None:
    family = model("stable-diffusion-3")
    asks = [
        Ask(T2I, PROMPTS[i], seed=i, steps=4 + i, noise_scheduler=cls(shift=3.0)) for i, cls in enumerate(FLOW.values())
    ]
    assert_same(together(Room(), family, asks), [stock(family, ask) for ask in asks])


def test_z_image_draws_different_sizes_in_one_forward(model: Callable[[str], Model]) -> None:
    family = model("z-image")
    asks = [Ask(T2I, PROMPTS[i % 3], seed=i, steps=4, side=side) for i, side in enumerate((64, 96, 48, 64))]
    room = Room()
    expected = [stock(family, ask) for ask in asks]
    for _ in range(2):
        room.shared.clear()
        assert_same(together(room, family, asks, ticks_between=0), expected)
    assert max(room.shared) == 4


@pytest.mark.parametrize("name", ["flux", "flux2-klein", "qwen-image", "stable-diffusion-xl", "sana"])
def test_different_sizes_never_disturb_one_another(name: str, model: Callable[[str], Model]) -> None:
    """Wide and tall pictures have the same number of tokens in Flux, and other positions."""
    family = model(name)
    asks = [
        Ask(T2I, PROMPTS[0], seed=1, width=128, side=64),
        Ask(T2I, PROMPTS[0], seed=2, width=64, side=128),
        Ask(T2I, PROMPTS[0], seed=3, width=128, side=64),
    ]
    assert_same(together(Room(), family, asks, ticks_between=0), [stock(family, ask) for ask in asks])


def test_cells_as_many_as_tokens_confuse_no_positions_with_rows(model: Callable[[str], Model]) -> None:
    """At 32 pixels Flux has four tokens: with four cells its position ids look like one row a cell."""
    family = model("flux")
    asks = [Ask(T2I, PROMPTS[0], seed=i, steps=3, cells=4, side=32, guided=False) for i in range(3)]
    assert_same(together(Room(), family, asks), [stock(family, ask) for ask in asks])


@pytest.mark.parametrize("name", ["stable-diffusion-xl", "flux2-klein", "z-image"])
def test_a_cancelled_neighbour_leaves_no_trace(name: str, model: Callable[[str], Model]) -> None:
    family, room = model(name), Room()
    stays, goes = Ask(T2I, PROMPTS[0], seed=1, steps=6), Ask(T2I, PROMPTS[1], seed=2, steps=6)
    lanes = [room.join(family, ask) for ask in (stays, goes, replace(stays, seed=3))]
    for _ in range(8):
        room.tick()
    lanes[1].cancel()
    assert lanes[1].is_finished
    room.finish()
    assert_same([lanes[0], lanes[2]], [stock(family, stays), stock(family, replace(stays, seed=3))])


@pytest.mark.parametrize("name", ["stable-diffusion", "stable-diffusion-3", "z-image"])
def test_a_cell_is_the_same_in_a_grid_and_alone(name: str, model: Callable[[str], Model]) -> None:
    family, room = model(name), Room()
    grid, alone = Ask(T2I, PROMPTS[0], seed=40, cells=4), Ask(T2I, PROMPTS[0], seed=42)
    lanes = together(room, family, [grid, alone])
    assert distance(lanes[0].result[2:3], lanes[1].result) <= TOLERANCE


@pytest.mark.parametrize("name", ["stable-diffusion-xl", "flux", "stable-diffusion-3", "z-image"])
def test_deterministic_means_the_same_bits_in_any_company(name: str, model: Callable[[str], Model]) -> None:
    family = model(name)
    asks = [Ask(T2I, PROMPTS[i % 3], seed=i, steps=3 + i % 3, cells=1 + i % 2) for i in range(4)]
    alone = [together(Room(deterministic=True), family, [ask])[0].result for ask in asks]
    room = Room(deterministic=True)
    for _ in range(2):
        crowded = [lane.result for lane in together(room, family, asks)]
        assert all(torch.equal(one, other) for one, other in zip(crowded, alone, strict=True))
    assert all(distance(one, stock(family, ask)) <= TOLERANCE for one, ask in zip(alone, asks, strict=True))


class Gossip(diffusers.UNet2DConditionModel):
    """A denoiser nobody described to the engine: every row hears of the others."""

    def forward(self, sample: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        output = super().forward(sample, *args, **kwargs)
        noise = output[0] if isinstance(output, tuple) else output.sample
        noise = noise - 0.2 * sample.mean(dim=0, keepdim=True)
        return (noise,) if isinstance(output, tuple) else type(output)(sample=noise)


def test_a_family_nobody_named_that_couples_its_rows_runs_alone(model: Callable[[str], Model]) -> None:
    family = model("stable-diffusion")
    odd = Gossip.from_config(family.pipeline.unet.config)
    odd.load_state_dict(family.pipeline.unet.state_dict())
    pipeline = diffusers.StableDiffusionPipeline(
        **{**family.pipeline.components, "unet": odd.eval()}, requires_safety_checker=False
    )
    gossip = Model(family.family, pipeline)
    asks = [Ask(T2I, PROMPTS[i], seed=i, steps=4) for i in range(3)]
    expected = [stock(gossip, ask) for ask in asks]
    assert distance(expected[0], stock(family, asks[0])) > 1e-3, "the coupling must be felt"
    room = Room()
    assert_same(together(room, gossip, asks, ticks_between=0), expected)
    room.shared.clear()
    assert_same(together(room, gossip, asks, ticks_between=0), expected)
    assert max(room.shared) == 1


def test_a_denoiser_with_encode_and_decode_is_no_autoencoder(model: Callable[[str], Model]) -> None:
    halves = torch.nn.Module()
    halves.encode, halves.decode = torch.nn.Identity(), torch.nn.Identity()
    assert stage_of(halves) is Stage.DENOISE
    assert stage_of(model("stable-diffusion").pipeline.vae) is Stage.DECODE
