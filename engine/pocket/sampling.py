"""Pictures from the weights through the stock pipeline, the way everybody else runs them."""

# torch and diffusers leave many types open
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from PIL import Image
from torch import Tensor

from engine.pocket import WEIGHTS
from engine.pocket.codec import PixelCodec
from engine.pocket.errors import BrokenWeights
from engine.pocket.export import INDEX

STEPS = 4
GUIDANCE = 2.5

CONTACT_SHEET = (
    "red apple, 3d",
    "pink apple, 3d",
    "smiling face with sunglasses, 3d",
    "grinning cat, cartoon",
    "blue heart, flat",
    "sunflower, 3d on a blue background",
    "rocket, flat",
    "pizza, 3d",
    "blue automobile, flat",
    "octopus, 3d",
    "yellow house, flat on grass",
    "dog face next to strawberry, flat",
)
"""Faces, things, styles, backgrounds, two at once; no apple was painted pink in training, no automobile blue."""

STATIC = (
    "red apple, 3d",
    "purple apple, 3d",
    "blue heart, flat",
    "smiling face with sunglasses, 3d",
    "green automobile, flat",
    "panda, 3d",
    "tulip, flat",
    "watermelon, 3d",
    "grinning cat, cartoon",
    "fox, flat",
    "soccer ball, 3d",
    "fire, flat on a black background",
    "jack-o-lantern, 3d at night",
    "grinning face, 3d on a blue background",
    "strawberry, 3d",
    "yellow star, flat",
)


def load(weights: Path = WEIGHTS) -> Any:
    """The shipped pipeline (a stock StableDiffusionPipeline, whose own types are looser than its behaviour), quiet.

    It gives one row for each picture and takes no negative prompt (`PocketDenoiser.guide_itself`).

    Raises:
        BrokenWeights: a file is missing, damaged or belongs to something else.
    """
    if not (weights / INDEX).exists():
        raise BrokenWeights(weights / INDEX, "it is missing")  # diffusers would look for it on a hub
    pipeline = StableDiffusionPipeline.from_pretrained(weights)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.unet.guide_itself()
    return pipeline


def sample(
    pipeline: Any,
    prompts: Sequence[str],
    seeds: Sequence[int],
    steps: int = STEPS,
    guidance: float = GUIDANCE,
) -> list[list[Image.Image]]:
    """One row of pictures per prompt, one picture per seed; a seed starts from the same static in every row."""
    rows: list[list[Image.Image]] = []
    for prompt in prompts:
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        output = pipeline(
            [prompt] * len(seeds), generator=generators, num_inference_steps=steps, guidance_scale=guidance
        )
        rows.append(output.images)
    return rows


def out_of_static(
    pipeline: Any, prompts: Sequence[str] = STATIC, moments: int = STEPS + 1, seed: int = 3
) -> list[list[Image.Image]]:
    """The reverse process: `moments` rows from pure static to picture, one column per prompt."""
    codec = PixelCodec()
    side = pipeline.unet.config.sample_size
    generators = [torch.Generator().manual_seed(seed + column) for column in range(len(prompts))]
    static = torch.cat([torch.randn((1, 4, side, side), generator=each) for each in generators])
    seen: list[Tensor] = [static]

    def keep(_: object, __: int, ___: object, state: dict[str, Tensor]) -> dict[str, Tensor]:
        seen.append(state["latents"])
        return state

    pipeline(
        list(prompts), latents=static, num_inference_steps=STEPS, guidance_scale=GUIDANCE, callback_on_step_end=keep
    )
    chosen = [round(row * STEPS / (moments - 1)) for row in range(moments)]
    return [pipeline.image_processor.postprocess(codec.decode(seen[step], return_dict=False)[0]) for step in chosen]
