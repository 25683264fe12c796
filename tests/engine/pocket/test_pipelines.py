"""The shipped folder in stock, unmodified diffusers pipelines."""

import pytest
import torch
from diffusers import (
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    LCMScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    UniPCMultistepScheduler,
)
from PIL import Image

from engine.pocket import WEIGHTS


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    loaded = StableDiffusionPipeline.from_pretrained(WEIGHTS)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def _draw(pipeline, seed=0, **arguments):
    arguments = {"num_inference_steps": 4, "guidance_scale": 3.0, "output_type": "pt"} | arguments
    return pipeline(generator=torch.Generator().manual_seed(seed), **arguments).images


def test_the_first_step_starts_from_pure_static(pipeline):
    noise_scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    noise_scheduler.set_timesteps(12)

    assert noise_scheduler.timesteps[0] == 999
    assert noise_scheduler.alphas_cumprod[999] < 1e-6


@pytest.mark.parametrize(
    "sampler",
    [
        DPMSolverMultistepScheduler,
        UniPCMultistepScheduler,
        DDIMScheduler,
        EulerDiscreteScheduler,
        EulerAncestralDiscreteScheduler,
        HeunDiscreteScheduler,
        LCMScheduler,
    ],
)
def test_any_noise_scheduler_takes_its_config(pipeline, sampler):
    shipped = pipeline.scheduler
    pipeline.scheduler = sampler.from_config(shipped.config)
    try:
        picture = _draw(pipeline, prompt="red heart, flat on a blue background", num_inference_steps=6)[0]
    finally:
        pipeline.scheduler = shipped

    corner, centre = picture[:, 1, 1], picture[:, 28:36, 28:36].mean((1, 2))
    assert corner.argmax() == 2, "the background is blue"
    assert centre.argmax() == 0, "the heart is red"


def test_a_seed_draws_the_same_picture_and_another_draws_another(pipeline):
    first, again, other = (_draw(pipeline, seed, prompt="a fox, 3d") for seed in (1, 1, 2))

    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=0.05)


def test_a_batch_with_listed_generators_equals_single_pictures(pipeline):
    generators = [torch.Generator().manual_seed(seed) for seed in (5, 6)]
    together = pipeline(
        ["a fox, 3d"] * 2, generator=generators, num_inference_steps=4, guidance_scale=3.0, output_type="pt"
    ).images

    torch.testing.assert_close(together[1:], _draw(pipeline, 6, prompt="a fox, 3d"), atol=1e-3, rtol=1e-3)


def test_a_negative_prompt_changes_the_picture(pipeline):
    plain = _draw(pipeline, prompt="apple, 3d")
    without = _draw(pipeline, prompt="apple, 3d", negative_prompt="red")

    assert (plain[0, 0] - plain[0, 1]).mean() > (without[0, 0] - without[0, 1]).mean()


def test_every_step_calls_back(pipeline):
    steps = []

    def note(_, step, __, state):
        steps.append((step, state["latents"].shape))
        return state

    _draw(pipeline, prompt="sun", callback_on_step_end=note)

    assert steps == [(step, (1, 4, 64, 64)) for step in range(4)]


def test_a_picture_of_another_shape(pipeline):
    assert _draw(pipeline, prompt="rainbow", width=96, height=64, num_inference_steps=2).shape == (1, 3, 64, 96)


def test_image_to_image_keeps_what_little_strength_leaves(pipeline):
    # `from_pipe` of the class compares types; the constructor, like AutoPipeline, takes what quacks
    redraw = StableDiffusionImg2ImgPipeline(**pipeline.components, requires_safety_checker=False)
    redraw.set_progress_bar_config(disable=True)
    picture = Image.new("RGB", (64, 64), "white")
    picture.paste((30, 90, 220), (16, 16, 48, 48))

    weak, strong = (_draw(redraw, prompt="red heart, flat", image=picture, strength=s) for s in (0.25, 1.0))

    assert weak[0, :, 32, 32].argmax() == 2, "still the blue square"
    assert strong[0, :, 28:36, 28:36].mean((1, 2)).argmax() == 0, "a red heart"


def test_inpainting_leaves_everything_else_alone():
    fill = StableDiffusionInpaintPipeline.from_pretrained(WEIGHTS)
    fill.set_progress_bar_config(disable=True)
    picture = Image.new("RGB", (64, 64), (200, 230, 40))
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (0, 0, 32, 64))

    filled = _draw(fill, prompt="blue heart, flat", image=picture, mask_image=mask)

    expected = torch.tensor([200, 230, 40]) / 255
    assert (filled[0, :, :, 32:] - expected[:, None, None]).abs().max() < 0.01
    assert (filled[0, :, :, :32] - expected[:, None, None]).abs().mean() > 0.05


def test_auto_pipelines_find_their_way(pipeline):
    assert isinstance(AutoPipelineForImage2Image.from_pipe(pipeline), StableDiffusionImg2ImgPipeline)
    assert isinstance(AutoPipelineForInpainting.from_pipe(pipeline), StableDiffusionInpaintPipeline)
