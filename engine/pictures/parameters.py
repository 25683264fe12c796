"""How a picture was made, as text inside the picture: the `parameters` form other tools read, and the whole request.

The `parameters` chunk follows the convention of stable-diffusion-webui: the prompt, a `Negative prompt:` line, then
`Key: value` pairs. The `darkroom` chunk holds the request as JSON, exact enough to make the same picture again.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, cast

from engine.errors import InvalidRequest
from engine.events import Recipe
from engine.pictures.images import read_text
from engine.requests import ImageRequest, Upscale

_PAIR = re.compile(r'\s*([\w][\w \-/]*?):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
_LAST_LINE = re.compile(r"(?:^|\n)((?:Steps|Size): [^\n]*)\s*$")
_PRIVATE = frozenset({"id", "member", "weight", "alone", "relax"})
_OF_DRAWING = frozenset(
    {"seed", "model", "num_inference_steps", "guidance_scale", "noise_scheduler", "stop_at", "step_cache", "chaos"}
)


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a `parameters` text says."""

    prompt: str
    negative_prompt: str = ""
    fields: dict[str, str] = field(default_factory=dict[str, str])


def write_parameters(request: ImageRequest, recipe: Recipe, seed: int) -> str:
    """The `parameters` text of the cell drawn from `seed`; of what was only enlarged, its size and by what."""
    size = f"{recipe.width}x{recipe.height}"
    pairs = _enlarged(request, recipe, size) if request.is_undrawn else _drawn(request, recipe, seed, size)
    pairs["Version"] = "Darkroom " + recipe.versions.get("darkroom", "?")
    line = ", ".join(f"{key}: {_quote(str(value))}" for key, value in pairs.items())
    negative = f"\nNegative prompt: {request.negative_prompt}" if request.negative_prompt else ""
    return f"{request.prompt}{negative}\n{line}"


def _drawn(request: ImageRequest, recipe: Recipe, seed: int, size: str) -> dict[str, object]:
    return {
        "Steps": recipe.num_inference_steps,
        "Sampler": recipe.sampler or recipe.noise_scheduler,
        "CFG scale": _exact(recipe.guidance_scale or 0.0),
        "Seed": seed,
        "Size": size,
        "Model hash": recipe.model_hash,
        "Model": recipe.model,
        **_extras(request),
    }


def _enlarged(request: ImageRequest, recipe: Recipe, size: str) -> dict[str, object]:
    """In the words of stable-diffusion-webui's extras."""
    factor = {"Postprocess upscale by": _exact(request.factor)} if isinstance(request, Upscale) else {}
    upscaler = {"Postprocess upscaler": recipe.upscaler} if recipe.upscaler else {}
    return {"Size": size, **factor, **upscaler}


def _extras(request: ImageRequest) -> dict[str, object]:
    strength = getattr(request, "strength", None)
    extras: dict[str, object] = {} if strength is None else {"Denoising strength": _exact(strength)}
    if request.chaos:
        extras["Chaos"] = _exact(request.chaos * 100)
    if request.control is not None and request.control.type is not None:
        extras["Control"] = request.control.type.replace("_", " ")
        if request.control.strength is not None:
            extras["Control weight"] = _exact(request.control.strength)
    if request.step_cache not in (None, "off"):
        extras["Step cache"] = request.step_cache
    if request.loras:
        extras["Lora"] = " ".join(f"<lora:{lora.name}:{_exact(lora.weight)}>" for lora in request.loras)
    if request.style_images:
        extras["Style pictures"] = " ".join(_exact(each.weight) for each in request.style_images)
        extras["Style weight"] = _exact(request.style_weight)
    return extras


def _exact(number: float) -> str:
    """As somebody would have typed it."""
    return f"{number:.15g}"


def _quote(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if any(mark in value for mark in ',:"\n') else value


def parse_parameters(text: str) -> Parameters:
    """Read a `parameters` text back, ours or another tool's; a text without pairs is all prompt."""
    last = _LAST_LINE.search(text)
    words = text[: last.start()] if last else text
    prompt, _, negative = words.partition("\nNegative prompt: ")
    pairs = _PAIR.findall(last.group(1)) if last else []
    return Parameters(prompt.strip(), negative.strip(), {key: _unquote(value) for key, value in pairs})


def _unquote(value: str) -> str:
    value = value.strip()
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except json.JSONDecodeError:
        return value


def text_chunks(request: ImageRequest, recipe: Recipe, seed: int) -> dict[str, str]:
    """The text chunks of a finished cell. Nothing in them says who asked; source pictures appear as sha256."""
    whole: dict[str, Any] = {"kind": request.kind, "request": _plain(request), "recipe": _plain_recipe(recipe)}
    if not request.is_undrawn:
        whole["cell_seed"] = seed
    return {
        "parameters": write_parameters(request, recipe, seed),
        "darkroom": json.dumps(whole, ensure_ascii=False, sort_keys=True),
    }


def _plain(request: ImageRequest) -> dict[str, Any]:
    values = request.model_dump(exclude=set(_PRIVATE | _OF_DRAWING if request.is_undrawn else _PRIVATE))
    return {key: _fingerprint(value) for key, value in values.items()}


def _fingerprint(value: Any) -> Any:
    if isinstance(value, bytes):
        return "sha256:" + hashlib.sha256(value).hexdigest()
    if isinstance(value, dict):
        return {key: _fingerprint(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_fingerprint(item) for item in cast("list[Any]", value)]
    return value


def _plain_recipe(recipe: Recipe) -> dict[str, Any]:
    return {
        "model_hash": recipe.model_hash,
        "noise_scheduler": recipe.noise_scheduler,
        "sampler": recipe.sampler,
        "upscaler": recipe.upscaler,
        "device": recipe.device,
        "dtype": recipe.dtype,
        "versions": recipe.versions,
    }


def read_request(png: bytes, **changes: Any) -> ImageRequest:
    """The text-to-image request that makes this picture's cell again (one picture, from its own seed).

    `changes` replace fields (`member`, `num_images`, ...). Raises `InvalidRequest` when the picture carries no
    recipe of ours, or was made from other pictures, which a file does not contain.
    """
    try:
        whole = json.loads(read_text(png)["darkroom"])
        kind = str(whole["kind"])
        fields = {**whole["request"], "seed": whole.get("cell_seed"), "num_images": 1, **changes}
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidRequest("image", "this picture carries no recipe of Darkroom's") from error
    if kind != ImageRequest.kind:
        raise InvalidRequest("image", f"this picture was made from another picture ({kind}); that one is needed too")
    # One picture in one field, in files of earlier versions.
    if isinstance(fields.pop("style_image", None), str) or "sha256:" in str(fields.get("style_images", "")):
        raise InvalidRequest("style_images", "this picture follows the style of another; that one is needed too")
    if fields.get("control") is not None:
        raise InvalidRequest("control", "this picture follows a control picture; that one is needed too")
    return ImageRequest.model_validate(fields)
