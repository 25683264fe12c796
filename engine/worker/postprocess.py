"""Postprocessing: an outcome becomes checked PNGs with their recipe and time-lapse. Runs in threads."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false

from __future__ import annotations

import contextlib
import functools
import platform
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from itertools import count

from PIL import Image
from safetensors.torch import save

from engine.batching.forward import ATTENTION
from engine.events import Finished, GeneratedImage, Recipe, Safety
from engine.loading.loaded_model import LoadedModel
from engine.operations.outcome import Outcome
from engine.operations.pixels import picture_of
from engine.pictures.images import as_anybody_sees_it, encode_png, without_hidden_colours
from engine.pictures.parameters import text_chunks, write_parameters
from engine.pictures.picture_check import PictureCheck
from engine.requests import ImageRequest

SHOWN_SIDE = 256
"""A found mask and a control picture are shown with at most so many pixels a side."""
_AT_ONCE = 2
"""Pictures of a request that are encoded at the same time."""


def recipe_of(request: ImageRequest, model: LoadedModel, outcome: Outcome, *, alone: bool) -> Recipe:
    """The recipe: all it takes to draw these pictures again."""
    spec = model.spec
    width, height = _size(request, model, outcome)
    recipe = Recipe(
        model=spec.name,
        model_hash=model.hash,
        noise_scheduler=outcome.noise_scheduler,
        num_inference_steps=request.num_inference_steps or spec.steps_of(request.kind),
        guidance_scale=spec.guidance_scale if request.guidance_scale is None else request.guidance_scale,
        width=width,
        height=height,
        seed=request.seed,
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        versions=dict(_versions()) | ({} if alone else _attention(model)),
        alone=alone,
        sampler=outcome.sampler,
        step_cache=request.step_cache or "off",
    )
    if request.is_undrawn:
        recipe = replace(
            recipe,
            model="",
            model_hash="",
            num_inference_steps=None,
            guidance_scale=None,
            seed=None,
            upscaler=outcome.upscaler,
            step_cache="off",
        )
    return replace(recipe, parameters=write_parameters(request, recipe, request.seed))


def _attention(model: LoadedModel) -> dict[str, str]:
    """Which kernels besides torch's own compute the model's attention."""
    chosen = (vars(module).get(ATTENTION) for module in model.parkable.values())
    kernels = {kernel for each in chosen if each for kernel in each.in_charge}
    return {"attention": ", ".join(sorted(kernels))} if kernels else {}


def _size(request: ImageRequest, model: LoadedModel, outcome: Outcome) -> tuple[int, int]:
    """Width and height in pixels: the request's, or the result's where pictures were given."""
    if request.kind == ImageRequest.kind or not outcome.cells:
        return request.width or model.spec.width, request.height or model.spec.height
    height, width = outcome.cells[0].shape[:2]
    return width, height


@functools.cache
def _versions() -> tuple[tuple[str, str], ...]:
    """Versions of Python and of the packages that draw; read once, because that parses their metadata."""
    found = [("python", platform.python_version())]
    for package in ("darkroom", "torch", "diffusers", "transformers"):
        with contextlib.suppress(PackageNotFoundError):
            found.append((package, version(package)))
    return tuple(found)


def finish(
    request: ImageRequest,
    outcome: Outcome,
    recipe: Recipe,
    gpu_ms: float,
    frames: tuple[bytes, ...] = (),
    check: PictureCheck | None = None,
    is_harmless: bool = False,
) -> Finished:
    """Check the cells, unless `check` is None, and encode them to PNG with their recipes meanwhile.

    `is_harmless`: a high score would be a false alarm (a badly drawn cat has much skin colour), so the cells have 0
    wherever the check is able to run.
    """
    pictures = [without_hidden_colours(picture_of(cell)) for cell in outcome.cells]
    judgements = [check and _judgement(check, picture, is_harmless) for picture in pictures]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="encode") as threads:
        images = tuple(threads.map(functools.partial(_image, request, outcome, recipe), count(), pictures, judgements))
    small = map(_small, (outcome.mask, outcome.control))
    return Finished(images, gpu_ms, recipe, frames, outcome.captions, outcome.notes, *small, is_known=outcome.is_known)


def _small(picture: Image.Image | None) -> bytes | None:
    if picture is None:
        return None
    small = picture.copy()
    small.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    return encode_png(small)


def _judgement(check: PictureCheck, picture: Image.Image, is_harmless: bool) -> Future[Safety]:
    return check.readiness() if is_harmless else check.submit(*as_anybody_sees_it(picture))


def _image(
    request: ImageRequest,
    outcome: Outcome,
    recipe: Recipe,
    cell: int,
    picture: Image.Image,
    judgement: Future[Safety] | None,
) -> GeneratedImage:
    seed = request.cell_seeds[cell]
    png = encode_png(picture, text_chunks(request, recipe, seed))
    safety = judgement.result() if judgement else Safety()
    return GeneratedImage(png, picture.width, picture.height, seed, safety, _latents(outcome, cell))


def _latents(outcome: Outcome, cell: int) -> bytes | None:
    latents = outcome.latents
    if latents is None or latents.shape[0] != len(outcome.cells):
        return None
    return save({"latents": latents[cell : cell + 1].clone().cpu().contiguous()})
