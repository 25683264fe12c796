"""How remembered drawings stand: a seed's own pose, the same at every step and at half the size."""

import math

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler

from engine.pocket.codec import PixelCodec
from engine.pocket.noise import noise_scheduler
from engine.pocket.objective import mixed
from engine.pocket.pose import Pose, static_of


def _static(count: int = 400) -> torch.Tensor:
    return torch.randn(count, 1, 16, 16, generator=torch.Generator().manual_seed(5))


def _numbers(pose: Pose) -> torch.Tensor:
    return torch.stack((pose.scale, pose.turn, pose.right, pose.down, pose.mirrored.float()), dim=1)


def test_seeds_differ_and_nothing_leaves_the_picture():
    pose = Pose.of(_static())

    assert 0.84 <= pose.scale.min() < 0.86 and 0.98 < pose.scale.max() <= 1
    assert (pose.right.abs() <= 1 - pose.scale + 1e-6).all() and (pose.down.abs() <= 1 - pose.scale + 1e-6).all()
    assert 8 < math.degrees(pose.turn.abs().max()) <= 9.01
    assert 0.4 < pose.mirrored.float().mean() < 0.6
    apart = torch.corrcoef(_numbers(pose).T) - torch.eye(5)
    assert apart.abs().max() < 0.25, "they are decided one by one"


def test_half_the_size_says_the_same():
    static = _static(8)

    small = torch.nn.functional.avg_pool2d(static, 2) * 2

    torch.testing.assert_close(_numbers(Pose.of(small)), _numbers(Pose.of(static)), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("ratio", [1e-3, 0.3, 1.0, 20.0])
def test_static_is_seen_through_any_picture(ratio):
    pictures = torch.rand(2, 3, 16, 16) * 2 - 1
    noise = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    ratios = torch.full((2,), ratio)

    found = static_of(mixed(PixelCodec().latents(pictures), noise, ratios), ratios)

    alone = static_of(noise, torch.zeros(2))
    torch.testing.assert_close(found, alone, atol=1e-3, rtol=1e-3)
    assert 0.8 < alone.std() < 1.2


def test_a_deterministic_sampler_keeps_it_through_all_steps():
    sampler: DPMSolverMultistepScheduler = noise_scheduler()
    sampler.set_timesteps(8)
    sample = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(2))
    first = static_of(sample, torch.zeros(1))
    clean = PixelCodec().latents(torch.rand(1, 3, 16, 16) * 2 - 1)
    for step in sampler.timesteps:
        alpha = sampler.alphas_cumprod[step] ** 0.5
        sigma = (1 - alpha**2) ** 0.5
        torch.testing.assert_close(static_of(sample, (alpha / sigma)[None]), first, atol=5e-3, rtol=5e-3)
        sample = sampler.step((alpha * sample - clean) / sigma, step, sample).prev_sample


@pytest.mark.parametrize("mirrored", [False, True])
def test_drawings_stand_as_the_pose_says(mirrored):
    drawing = torch.zeros(1, 1, 32, 32)
    drawing[:, :, 8:16, 20:28] = 1  # above, right of the middle
    one = torch.ones(1)
    pose = Pose(one * 0.5, one * 0, one * 0.25, one * 0, torch.tensor([mirrored]))

    placed = pose.place(drawing, torch.tensor([True]), torch.tensor([True]))[0, 0]

    down, over = (placed > 0.5).nonzero().float().mean(0)
    assert down == pytest.approx(13.5, abs=0.6)
    assert over == pytest.approx(15.5 + 4 + (-4 if mirrored else 4), abs=0.6)
    assert placed.sum() == pytest.approx(16, abs=4)


def test_what_may_not_be_mirrored_is_not():
    drawing, one = torch.rand(1, 3, 32, 32), torch.ones(1)

    as_it_is = Pose(one, one * 0, one * 0, one * 0, torch.tensor([True])).place(drawing, one > 0, one < 0)

    torch.testing.assert_close(as_it_is, drawing, atol=1e-5, rtol=1e-5)


def test_several_things_stay_where_the_words_put_them():
    drawing, one = torch.rand(1, 3, 32, 32), torch.ones(1)

    stayed = Pose(one * 0.5, one, one * 0.2, one * 0.2, one < 0).place(drawing, one < 0, one > 0)

    torch.testing.assert_close(stayed, drawing, atol=1e-5, rtol=1e-5)


def test_a_turn_is_a_turn_in_wide_pictures_too():
    drawing = torch.zeros(1, 1, 32, 64)
    drawing[..., 8:24, 16:48] = 1
    one = torch.ones(1)

    turned = Pose(one, one * math.pi / 2, one * 0, one * 0, one < 0).place(drawing, one > 0, one < 0)[0, 0] > 0.5

    rows, columns = turned.nonzero().T
    assert columns.max() - columns.min() + 1 == 16
    assert rows.max() - rows.min() + 1 == 32
