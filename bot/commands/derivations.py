"""What the buttons under pictures ask for anew: variations, regions, zooms, pans, upscales, descriptions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

import discord

from bot.commands.presses import derivable
from bot.domain.lineage import derive
from bot.domain.model import Job, JobSpec, Options, Verb
from bot.domain.prompt import parse, render
from bot.errors import BadOption
from bot.ui import asking
from bot.ui.answer import Answer, Pressed
from bot.ui.custom_ids import Act, ButtonId
from bot.ui.modals import PromptModal, RegionModal, ZoomModal
from bot.ui.recipes import exactly

PAN_SHARE = 0.5
MIN_ZOOM, MAX_ZOOM = 1.1, 4.0

DERIVED: Mapping[Act, tuple[Verb, Mapping[str, Any]]] = MappingProxyType(
    {
        Act.VARY: (Verb.VARY_STRONG, {}),
        Act.VARY_SUBTLE: (Verb.VARY_SUBTLE, {}),
        Act.VARY_STRONG: (Verb.VARY_STRONG, {}),
        Act.UPSCALE_SUBTLE: (Verb.UPSCALE_SUBTLE, {}),
        Act.UPSCALE_CREATIVE: (Verb.UPSCALE_CREATIVE, {}),
        Act.ZOOM_OUT_1_5: (Verb.ZOOM, {"zoom": 1.5}),
        Act.ZOOM_OUT_2: (Verb.ZOOM, {"zoom": 2.0}),
        Act.PAN_LEFT: (Verb.PAN, {"pan": (PAN_SHARE, 0.0, 0.0, 0.0)}),
        Act.PAN_RIGHT: (Verb.PAN, {"pan": (0.0, PAN_SHARE, 0.0, 0.0)}),
        Act.PAN_UP: (Verb.PAN, {"pan": (0.0, 0.0, PAN_SHARE, 0.0)}),
        Act.PAN_DOWN: (Verb.PAN, {"pan": (0.0, 0.0, 0.0, PAN_SHARE)}),
        Act.DESCRIBE: (Verb.DESCRIBE, {}),
    }
)
_REMIXED = frozenset({Act.VARY, Act.VARY_SUBTLE, Act.VARY_STRONG})


async def from_cell(interaction: Pressed, pressed: ButtonId) -> None:
    """Any job made from one cell; with remix mode, variations ask for the words first."""
    verb, fields = DERIVED[pressed.act]

    def wish(job: Job, options: Options) -> JobSpec:
        return derive(job, verb, pressed.cell, seed=asking.fresh_seed(), options=options, **fields)

    await _ask(interaction, pressed, wish, remixed=pressed.act in _REMIXED)


async def reroll(interaction: Pressed, pressed: ButtonId) -> None:
    """🔄: the same words, another seed; with remix mode, other words."""

    def wish(job: Job, options: Options) -> JobSpec:
        return derive(job, Verb.REROLL, seed=asking.fresh_seed(), options=options)

    await _ask(interaction, pressed, wish, remixed=True)


async def again(interaction: Pressed, pressed: ButtonId) -> None:
    """Make it again: the same seed and everything, so the same bytes on the same model and device."""
    async with Answer(interaction) as answer:
        job = await derivable(interaction, pressed.job_id)
        await asking.submit(interaction, answer, exactly(job))


async def caption(interaction: Pressed, pressed: ButtonId) -> None:
    """Imagine this: a caption becomes a prompt."""
    async with Answer(interaction) as answer:
        job = await derivable(interaction, pressed.job_id)
        if pressed.cell >= len(job.captions):
            raise BadOption("caption", "that one is not there any more")
        options = parse(job.captions[pressed.cell])
        await asking.submit(interaction, answer, asking.spec(Verb.IMAGINE, options, parent_id=job.id))


async def region(interaction: Pressed, pressed: ButtonId) -> None:
    """Vary region: words for a part of the picture; everything else stays exactly as it is."""

    async def then(submitted: Pressed, prompt: str, ninths: list[int], upload: discord.Attachment | None) -> None:
        async with Answer(submitted) as answer:
            job = await derivable(submitted, pressed.job_id)
            mask = await _mask(submitted, pressed, ninths, upload)
            options = _as_drawn(job, parse(prompt))
            wish = derive(job, Verb.REGION, pressed.cell, seed=asking.fresh_seed(), options=options, mask=mask)
            await asking.submit(submitted, answer, wish)

    async with Answer(interaction, may_ask=True) as answer:
        job = await derivable(interaction, pressed.job_id)
        await answer.modal(RegionModal(job.spec.options.prompt, then))


async def zoom(interaction: Pressed, pressed: ButtonId) -> None:
    """Custom zoom: how far, and what to draw around."""

    async def then(submitted: Pressed, factor: str, prompt: str) -> None:
        async with Answer(submitted) as answer:
            job = await derivable(submitted, pressed.job_id)
            options, times = parse(prompt), _factor(factor)
            wish = derive(job, Verb.ZOOM, pressed.cell, seed=asking.fresh_seed(), options=options, zoom=times)
            await asking.submit(submitted, answer, wish)

    async with Answer(interaction, may_ask=True) as answer:
        job = await derivable(interaction, pressed.job_id)
        await answer.modal(ZoomModal(render(job.spec.options), then))


async def _ask(
    interaction: Pressed, pressed: ButtonId, wish: Callable[[Job, Options], JobSpec], *, remixed: bool
) -> None:
    async with Answer(interaction, may_ask=remixed) as answer:
        job = await derivable(interaction, pressed.job_id)
        preferences = await interaction.client.parts.members.preferences(interaction.user.id)
        if remixed and preferences.remix:
            await answer.modal(PromptModal("Remix", render(_open(job)), _remix(job.id, wish)))
        else:
            await asking.submit(interaction, answer, wish(job, _open(job)))


def _remix(job_id: str, wish: Callable[[Job, Options], JobSpec]) -> Callable[[Pressed, str], Awaitable[None]]:
    async def then(submitted: Pressed, prompt: str) -> None:
        async with Answer(submitted) as answer:
            job = await derivable(submitted, job_id)
            await asking.submit(submitted, answer, wish(job, parse(prompt)))

    return then


def _as_drawn(job: Job, options: Options) -> Options:
    """Other words for a part of the picture: what draws it stays what drew the rest, unless the words say otherwise."""
    kept = {name: getattr(options, name) or getattr(job.spec.options, name) for name in ("model", "style", "loras")}
    return options.model_copy(update=kept)


def _open(job: Job) -> Options:
    """The job's options without what belonged to its own run."""
    return job.spec.options.model_copy(update={"seed": None, "repeat": 1, "strength": None, "image_weight": None})


async def _mask(interaction: Pressed, pressed: ButtonId, ninths: list[int], upload: discord.Attachment | None) -> str:
    parts = interaction.client.parts
    if upload is not None:
        return await parts.intake.take(upload, "mask")
    if not ninths:
        raise BadOption("region", "tick at least one part, or upload a mask")
    picture = await parts.studio.picture(pressed.job_id, pressed.cell)
    return await parts.intake.store(await parts.drawing.mask(picture, ninths))


def _factor(text: str) -> float:
    try:
        factor = float(text.replace(",", ".").rstrip("x "))
    except ValueError:
        factor = 0.0
    if not MIN_ZOOM <= factor <= MAX_ZOOM:
        raise BadOption(text, f"a number from {MIN_ZOOM} to {MAX_ZOOM:g}, for example 1.75")
    return factor
