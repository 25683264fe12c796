"""What the buttons under pictures ask for anew: variations, regions, zooms, pans, upscales, descriptions."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from bot.domain.model import Job, JobSpec, Options, Verb
from bot.domain.moderation.job_access import Deed
from bot.domain.prompting.derivation import derive
from bot.domain.prompting.option_sets import text_of
from bot.domain.prompting.prompt import parse, render
from bot.errors import BadOption, JobNotFound
from bot.ui.content.custom_ids import Act, ButtonId, FormId, FormKind
from bot.ui.content.modals import Filled, Form, RegionForm, ZoomForm
from bot.ui.content.recipe_card import exactly
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.permitted_jobs import permitted
from bot.ui.interactions.submissions import submit_each

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
        Act.CUT_OUT: (Verb.CUT_OUT, {}),
    }
)
"""What is asked for under one picture."""
FROM_SHEET: Mapping[Act, tuple[Verb, Mapping[str, Any]]] = MappingProxyType(
    {Act.DEVELOP: (Verb.DEVELOP, {}), Act.MORE: (Verb.DRAFT, {})}
)
"""What is asked for in the menus under a sheet of drafts."""
_FROM_CELL = MappingProxyType({**DERIVED, **FROM_SHEET})
_REMIXED = frozenset({Act.VARY, Act.VARY_SUBTLE, Act.VARY_STRONG, Act.REROLL})
_NEEDS_WORDS = frozenset({Verb.VARY_SUBTLE, Verb.VARY_STRONG, Verb.ZOOM, Verb.PAN})
"""What nothing can be drawn of without: a blend and an upload that was enlarged may have none."""


async def from_cell(interaction: Pressed, pressed: ButtonId) -> None:
    """Any job made from one cell."""
    async with Answer(interaction, may_ask=_FROM_CELL[pressed.act][0] in _NEEDS_WORDS) as answer:
        await ask(interaction, answer, pressed)


async def reroll(interaction: Pressed, pressed: ButtonId) -> None:
    """🔄: the same words, another seed; with remix mode, other words."""
    async with Answer(interaction, may_ask=True) as answer:
        await ask(interaction, answer, pressed)


async def ask(interaction: Pressed, answer: Answer, pressed: ButtonId) -> None:
    """Start a button's job; in remix mode, and for a picture without a prompt, open a form first."""
    job = await permitted(interaction, pressed.job_id, Deed.DERIVE)
    preferences = await submission.preferences_of(interaction)
    if _lacks_words(pressed, job):
        await answer.modal(Form("What does it show?", FormId(FormKind.REMIX, str(pressed)), ""))
    elif preferences.remix and pressed.act in _REMIXED:
        await answer.modal(Form("Remix", FormId(FormKind.REMIX, str(pressed)), render(options_of(job, pressed.act))))
    else:
        await submission.submit(interaction, answer, spec_of(pressed, job))


async def drafts(interaction: Pressed, pressed: ButtonId) -> None:
    """24 drafts of the same words, to choose from."""
    async with Answer(interaction) as answer:
        job = await permitted(interaction, pressed.job_id, Deed.DERIVE)
        options = options_of(job).model_copy(update={"draft": True})
        await submission.submit(interaction, answer, derived(job, Verb.REROLL, None, options))


async def again(interaction: Pressed, pressed: ButtonId) -> None:
    """\"Make it again\": run the recipe unchanged; on the same model and device the bytes are the same."""
    async with Answer(interaction) as answer:
        job = await permitted(interaction, pressed.job_id, Deed.DERIVE)
        await submission.submit(interaction, answer, exactly(job))


async def caption(interaction: Pressed, pressed: ButtonId) -> None:
    """\"Imagine this\": use a caption as the prompt of a new job."""
    async with Answer(interaction) as answer:
        job = await permitted(interaction, pressed.job_id, Deed.DERIVE)
        if pressed.cell >= len(job.captions):
            raise BadOption("caption", "that one is not there any more")
        options = await submission.read(interaction, job.captions[pressed.cell])
        await submission.submit(interaction, answer, submission.spec(Verb.IMAGINE, options, parent_id=job.id))


async def region(interaction: Pressed, pressed: ButtonId) -> None:
    """\"Vary region\": open the form for a part of the picture; pixels outside of it stay as they are."""
    async with Answer(interaction, may_ask=True) as answer:
        job = await permitted(interaction, pressed.job_id, Deed.DERIVE)
        form_id = FormId(FormKind.REGION, str(pressed))
        await answer.modal(RegionForm("Vary region", form_id, job.spec.options.prompt, "Prompt for the region"))


async def region_filled(interaction: Pressed, about: str, filled: Filled) -> None:
    """Read the form of "Vary region" and start the job."""
    async with Answer(interaction) as answer:
        pressed, job = await about_job(interaction, about)
        mask = await mask_in(interaction, pressed, filled)
        asked = [as_drawn(job, options) for options in await asked_in(interaction, filled)]
        await submit_each(
            interaction, answer, asked, lambda one: derived(job, Verb.REGION, pressed.cell, one, mask=mask)
        )


async def zoom(interaction: Pressed, pressed: ButtonId) -> None:
    """\"Custom zoom\": open the form for the factor and the prompt."""
    async with Answer(interaction, may_ask=True) as answer:
        job = await permitted(interaction, pressed.job_id, Deed.DERIVE)
        await answer.modal(ZoomForm("Custom zoom", FormId(FormKind.ZOOM, str(pressed)), render(options_of(job))))


async def zoom_filled(interaction: Pressed, about: str, filled: Filled) -> None:
    """Read the form of "Custom zoom" and start the job."""
    async with Answer(interaction) as answer:
        pressed, job = await about_job(interaction, about)
        asked, times = await asked_in(interaction, filled), _factor(filled.zoom)
        await submit_each(
            interaction, answer, asked, lambda one: derived(job, Verb.ZOOM, pressed.cell, one, zoom=times)
        )


async def remixed(interaction: Pressed, about: str, filled: Filled) -> None:
    """Read the form of remix mode and start V or 🔄 with its prompt."""
    async with Answer(interaction) as answer:
        pressed, job = await about_job(interaction, about)
        asked = await asked_in(interaction, filled)
        await submit_each(interaction, answer, asked, lambda one: _spec_for(pressed, job, one))


def _lacks_words(pressed: ButtonId, job: Job) -> bool:
    return not job.spec.options.prompt and pressed.act in DERIVED and DERIVED[pressed.act][0] in _NEEDS_WORDS


def spec_of(pressed: ButtonId, job: Job) -> JobSpec:
    """Return the spec of the job that a button asks for, with the words of its picture. Raises `BadOption`."""
    if _lacks_words(pressed, job):
        raise BadOption("prompt", "this picture has no words to draw by; press its button and say what it shows")
    return _spec_for(pressed, job, options_of(job, pressed.act))


def _spec_for(pressed: ButtonId, job: Job, options: Options) -> JobSpec:
    """Return the spec of the job that a button asks for, with this prompt."""
    if pressed.act is Act.REROLL:
        return derived(job, Verb.REROLL, None, options)
    verb, fields = _FROM_CELL[pressed.act]
    return derived(job, verb, pressed.cell, options, **fields)


def derived(job: Job, verb: Verb, cell: int | None, options: Options, **fields: Any) -> JobSpec:
    """The spec of a job made from another, with the seed its words ask for."""
    seed = submission.fresh_seed() if options.seed is None else options.seed
    spec = derive(job, verb, cell, seed=seed, options=options, **fields)
    return spec.model_copy(update={"options": spec.options.model_copy(update={"seed": options.seed})})


async def asked_in(interaction: Pressed, filled: Filled) -> list[Options]:
    """Return what was written into a form: the options of each of its permutations."""
    prompts = await submission.prompts_of(interaction, filled.prompt)
    sets = dict((await submission.own_words(interaction)).sets)
    return [parse(text, set_text=functools.partial(text_of, sets)) for text in prompts]


async def about_job(interaction: Pressed, about: str) -> tuple[ButtonId, Job]:
    """Return the button whose form was filled in, and its job."""
    pressed = ButtonId.parse(about)
    if pressed is None:
        raise JobNotFound(about)
    return pressed, await permitted(interaction, pressed.job_id, Deed.DERIVE)


def as_drawn(job: Job, options: Options) -> Options:
    """Return the options for a part of the picture: those of the job, except for what the new prompt says."""
    kept = {name: getattr(options, name) or getattr(job.spec.options, name) for name in ("model", "style", "loras")}
    return options.model_copy(update=kept)


def options_of(job: Job, act: Act | None = None) -> Options:
    """Return the job's options without those of its own run; only what is drawn again stays a sheet of drafts."""
    own = {"relax": False, "seed": None, "repeat": 1, "strength": None, "image_weight": None}
    is_sheet = job.spec.options.draft and act is Act.REROLL
    return job.spec.options.model_copy(update={**own, "draft": is_sheet})


async def mask_in(interaction: Pressed, pressed: ButtonId, filled: Filled) -> str:
    """The key of the mask that a form says, ticked or uploaded. Raises `BadOption` and `BadPicture`."""
    services = interaction.client.services
    if filled.mask is not None:
        return await submission.take(interaction, filled.mask, "mask")
    if not filled.ninths:
        raise BadOption("region", "tick at least one part, or upload a mask")
    await submission.check_entry(interaction)
    picture = await services.job_service.picture(pressed.job_id, pressed.cell)
    return await services.intake.store(await services.drawing.mask(picture, filled.ninths))


def _factor(text: str) -> float:
    try:
        factor = float(text.replace(",", ".").rstrip("x "))
    except ValueError:
        factor = 0.0
    if not MIN_ZOOM <= factor <= MAX_ZOOM:
        raise BadOption(text, f"a number from {MIN_ZOOM} to {MAX_ZOOM:g}, for example 1.75")
    return factor
