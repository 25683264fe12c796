"""Where to change a picture: where the denoiser answers differently to the old words and to the new.

DiffEdit, Couairon et al. 2022 (arXiv 2210.11427), section 3.2: the picture is noised, the denoiser is asked once with
each of the two prompts, and the difference of its answers, averaged over several noises, shows where words matter.
The answers are compared as x0 estimates: at one noise level these are the noise estimates up to a factor.
"""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import torch
from PIL import Image, ImageFilter
from torch.nn import functional

from engine.errors import InvalidRequest
from engine.operations.context import OperationContext
from engine.operations.drawing import from_picture
from engine.sampling.latent_layout import LatentLayout
from engine.sampling.step_watch import FirstAnswer

NOISES = 4
STRENGTH = 0.7
"""How much noise the picture gets before the denoiser is asked."""
THRESHOLD = 0.25
"""The picture is changed where the difference is larger than this share of its 95th percentile."""
GAP = 1 / 16
"""Holes up to twice this share of the shorter side are closed."""
MARGIN = 1 / 32
"""By what share of the shorter side the mask is made wider."""


def found_mask(context: OperationContext, picture: Image.Image, old: str) -> Image.Image:
    """White where the picture is to be changed from what the old words say, at the picture's size.

    Raises `InvalidRequest` where the new words ask for no change, or where the model's latents are of an unknown form.
    """
    difference = _answers(context, picture) - _answers(
        context.asking(prompt=old, prompt_parts=(), negative_prompt=""), picture
    )
    felt = functional.avg_pool2d(difference.abs().mean((0, 1))[None], 3, stride=1, padding=1)[0]
    if float(felt.max()) <= 1e-6:
        raise InvalidRequest("prompt", "the model sees no difference to what the picture shows; say what shall be new")
    return _widened(felt > THRESHOLD * felt.flatten().quantile(0.95), picture.size)


def _answers(context: OperationContext, picture: Image.Image) -> torch.Tensor:
    """What the denoiser takes the noised picture for, (noises, channels, rows, columns) float32.

    By the same noise for every seed, so that a cell drawn alone is changed where it is among others.
    """
    context = context.asking(num_images=NOISES, seed=0)
    answers = _asked(context, picture)
    for seed in context.request.cell_seeds[len(answers) :]:  # a family that draws cell by cell
        answers = torch.cat((answers, _asked(context.asking(num_images=1, seed=seed), picture)))
    layout = None if context.vae is None else LatentLayout.of(context.vae)
    grid = answers if layout is None else layout.unpack(answers, *context.size)
    if grid is None or grid.ndim != 4:
        raise InvalidRequest("mask", f"{context.model.spec.name} cannot find where to change; give a mask")
    return grid


def _asked(context: OperationContext, picture: Image.Image) -> torch.Tensor:
    context.watch.asks_once = True
    try:
        from_picture(context, picture, STRENGTH)
    except FirstAnswer as answer:
        return answer.x0
    finally:
        context.watch.asks_once = False
        context.watch.restart()
    raise InvalidRequest("mask", f"{context.model.spec.name} cannot find where to change; give a mask")


def _widened(found: torch.Tensor, size: tuple[int, int]) -> Image.Image:
    small = Image.fromarray((found.cpu().numpy() * 255).astype("uint8"))
    gap, margin = (max(1, round(share * min(small.size))) for share in (GAP, MARGIN))
    closed = small.filter(ImageFilter.MaxFilter(2 * (gap + margin) + 1)).filter(ImageFilter.MinFilter(2 * gap + 1))
    return closed.resize(size, Image.Resampling.NEAREST)
