"""Style pictures as a pipeline takes them: one as it is, several as the weighted mean of their embeddings.

The mean is taken of what the image encoder says, before the adapter's projection, so that a request with several
pictures has rows of the same shape as one with one picture.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from engine.loading.loaded_model import LoadedModel
from engine.pictures.images import open_picture
from engine.requests import ImageRequest


def style_inputs(request: ImageRequest, model: LoadedModel, pipeline: Any) -> dict[str, Any]:
    """The pipeline's arguments for the request's style pictures. Runs the image encoder where there are several."""
    pictures = [open_picture(each.image, "style_image") for each in request.style_images]
    if len(pictures) == 1:
        return {"ip_adapter_image": pictures[0]}
    whole = sum(each.weight for each in request.style_images)
    shares = [each.weight / whole for each in request.style_images]
    return mean_embeds(request, model, pipeline, pictures, shares)


def mean_embeds(
    request: ImageRequest, model: LoadedModel, pipeline: Any, pictures: Sequence[Image.Image], shares: Sequence[float]
) -> dict[str, Any]:
    """The pipeline's arguments for the mean of what pictures show; `shares` add up to 1."""
    prepare = pipeline.prepare_ip_adapter_image_embeds
    options: dict[str, Any] = {}
    if "do_classifier_free_guidance" in inspect.signature(prepare).parameters:
        options["do_classifier_free_guidance"] = _is_guided(request, model, pipeline)
    seen = [prepare(picture, None, model.device, 1, **options) for picture in pictures]
    is_list = isinstance(seen[0], list)  # one for each adapter; those of Stable Diffusion 3 know one adapter
    tensors = [each[0] if is_list else each for each in seen]
    mean = torch.stack([share * embeds for share, embeds in zip(shares, tensors, strict=True)]).sum(0)
    return {"ip_adapter_image_embeds": [mean] if is_list else mean}


def _is_guided(request: ImageRequest, model: LoadedModel, pipeline: Any) -> bool:
    guidance = model.spec.guidance_scale if request.guidance_scale is None else request.guidance_scale
    unet = getattr(pipeline, "unet", None)
    return guidance > 1 and (unet is None or unet.config.time_cond_proj_dim is None)
