"""Blends by the mean of image embeddings, for models with an image encoder."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from PIL import Image

from engine.operations.context import OperationContext
from engine.operations.draw import draw, run
from engine.operations.pixels import Pixels
from engine.operations.style_pictures import mean_embeds
from engine.requests import WORDLESS_BLEND, Blend

NOTE = "mixed by what the pictures show; give a strength to mix their pixels instead"


def from_meaning(context: OperationContext, pictures: Sequence[Image.Image], shares: Sequence[float]) -> list[Pixels]:
    """All cells drawn from the weighted mean of the pictures' embeddings; none where the model cannot see."""
    if not context.model.supports("text_to_image"):
        return []
    pipeline = context.pipeline("text_to_image")
    if context.model.spec.style_adapter is not None:
        context.notes.append(NOTE)
        return _by_adapter(context, pipeline, pictures, shares)
    if hasattr(getattr(pipeline, "prior_pipe", None), "interpolate"):
        context.notes.append(NOTE)
        return _by_prior(context, pipeline, pictures, shares)
    return []


def _by_adapter(
    context: OperationContext, pipeline: Any, pictures: Sequence[Image.Image], shares: Sequence[float]
) -> list[Pixels]:
    """IP-Adapter: the layers beside the denoiser's attention look at the mean."""
    seen = mean_embeds(context.request, context.model, pipeline, pictures, shares)
    return draw(context, "text_to_image", **seen)


def _by_prior(
    context: OperationContext, pipeline: Any, pictures: Sequence[Image.Image], shares: Sequence[float]
) -> list[Pixels]:
    """Kandinsky: its decoder draws from an embedding, which need not come from words. Words count as one picture."""
    request = cast(Blend, context.request)
    things: list[Any] = list(pictures)
    weights = list(shares)
    if request.prompt != WORDLESS_BLEND:
        things.append(request.prompt)
        weights = [weight * len(pictures) / len(things) for weight in weights] + [1 / len(things)]
    mixed = pipeline.prior_pipe.interpolate(
        things, weights, generator=torch.Generator("cpu").manual_seed(request.seed), device=context.model.device
    )
    embeds = {"image_embeds": mixed.image_embeds, "negative_image_embeds": mixed.negative_image_embeds}
    return run(context, pipeline.decoder_pipe, **embeds)
