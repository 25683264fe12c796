"""The recipe card: all it takes to make the same picture again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import discord

from bot.domain.model import Cell, Job, JobSpec, Share
from bot.domain.prompting.derivation import UNDRAWN
from bot.domain.prompting.prompt import render, shorten
from bot.ui.content.texts import echo

_FIELD = 1024


SAME = "Made again on this device it is the same to the bit."
ALIKE = (
    "Made again it is the same picture; shades may differ, because it was drawn together with others', or by faster "
    "code (engine.deterministic is off)."
)

_SHARED: Mapping[Share | None, str] = {
    "all": "everybody",
    "ask": "whoever asks you",
    "me": "nobody else",
    None: "as all your pictures: see `/privacy consent`",
}


def card(
    job: Job,
    parent_url: str = "",
    *,
    shown: Sequence[Cell] = (),
    one: Cell | None = None,
    is_exact: bool = False,
    is_owner: bool = False,
) -> discord.Embed:
    """Prompt, seed, steps, sampler, guidance, model, versions, time and origin.

    `shown` are the job's pictures; `one` is the one that the card is about, None for all of them.
    `is_exact`: this host draws in fixed shapes, so that nothing depends on who shares the device. Elsewhere that is
    so for what shared no pass. `is_owner`: its maker reads it, who may say who else may use it.
    """
    recipe: dict[str, Any] = json.loads(job.recipe) if job.recipe else {}
    options, title = job.spec.options, f"Recipe of {job.id}"
    if one is not None and len(shown) > 1:
        title += f", picture {one.cell + 1}"
    if one is not None and options.seed is not None:
        options = options.model_copy(update={"seed": one.seed})
    embed = discord.Embed(title=title, description=echo(render(options), 3500))
    for name, value in _rows(job, recipe, _seeds(job, shown, one)):
        embed.add_field(name=name, value=shorten(str(value), _FIELD))
    if versions := recipe.get("versions"):
        listed = ", ".join(f"{name} {version}" for name, version in versions.items())
        embed.add_field(name="Versions", value=shorten(listed, _FIELD), inline=False)
    if parent_url or job.parent_id:
        origin = f"[this picture]({parent_url})" if parent_url else f"job `{job.parent_id}`"
        embed.add_field(name="Made from", value=origin, inline=False)
    if is_owner:
        embed.add_field(name="Who may make something of it", value=_SHARED[job.share], inline=False)
    embed.set_footer(text=SAME if is_exact or recipe.get("alone") else ALIKE)
    return embed


def exactly(job: Job) -> JobSpec:
    """The job's spec with everything it took from defaults written in, so that later defaults change nothing.

    It is drawn alone, and so the same to the bit as what was drawn alone; and so is whatever is made from it again.
    """
    recipe: dict[str, Any] = json.loads(job.recipe) if job.recipe else {}
    taken = {
        "model": recipe.get("model") or job.model or None,
        "steps": recipe.get("num_inference_steps"),
        "guidance": recipe.get("guidance_scale"),
        "step_cache": recipe.get("step_cache") if recipe.get("num_inference_steps") else None,
    }
    options = job.spec.options
    filled = {name: value for name, value in taken.items() if getattr(options, name) is None and value is not None}
    sized = {}
    if job.spec.source is None and not job.spec.images and "width" in recipe:
        sized = {"width": recipe["width"], "height": recipe["height"]}
    changes = {"options": options.model_copy(update=filled), "parent_id": job.id, "alone": True, **sized}
    return job.spec.model_copy(update=changes)


def _seeds(job: Job, shown: Sequence[Cell], one: Cell | None) -> list[str]:
    """The seed of the picture, or of all of a grid; none of what no model drew."""
    if job.spec.verb in UNDRAWN:
        return []
    return [str(cell.seed) for cell in (shown if one is None else (one,))] or [str(job.spec.seed)]


def _rows(job: Job, recipe: dict[str, Any], seeds: Sequence[str]) -> list[tuple[str, object]]:
    undrawn = job.spec.verb in UNDRAWN
    if undrawn:  # recipes of earlier versions name the model that was loaded, and its defaults
        kept = ("width", "height", "device", "upscaler")
        recipe = {name: recipe[name] for name in kept if name in recipe}
    rows = [
        ("Seed", "".join(seeds[:1])),
        ("Seeds of the others", ", ".join(seeds[1:])),
        ("Upscaler", recipe.get("upscaler")),
        ("Model", recipe.get("model") or ("" if undrawn else job.model)),
        ("Model hash", recipe.get("model_hash")),
        ("Steps", recipe.get("num_inference_steps")),
        ("Guidance", recipe.get("guidance_scale")),
        ("Step cache", None if recipe.get("step_cache") == "off" else recipe.get("step_cache")),
        ("Sampler", recipe.get("sampler") or recipe.get("noise_scheduler")),
        ("Size", f"{recipe['width']}x{recipe['height']}" if "width" in recipe else None),
        ("Device", recipe.get("device")),
        (_time_label(recipe), f"{job.gpu_ms / 1000:.1f} s" if job.gpu_ms else None),
    ]
    return [(name, value) for name, value in rows if value not in (None, "")]


def _time_label(recipe: dict[str, Any]) -> str:
    return "CPU time" if recipe.get("device") == "cpu" else "GPU time"
