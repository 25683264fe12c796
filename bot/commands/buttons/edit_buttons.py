"""Edit under a picture and in the menu of messages: a form with the words and up to two more pictures."""

from __future__ import annotations

from bot.commands.buttons.derive_buttons import about_job, as_drawn, asked_in, derived, mask_in
from bot.domain.model import Job, Verb
from bot.domain.moderation.job_access import Deed
from bot.errors import JobNotFound
from bot.ui.content.custom_ids import ButtonId, FormId, FormKind
from bot.ui.content.modals import EditForm, Filled, RegionForm
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.permitted_jobs import permitted
from bot.ui.interactions.submissions import submit_each

TITLE = "Edit"


async def edit(interaction: Pressed, pressed: ButtonId) -> None:
    """Edit: what shall change in this picture?"""
    async with Answer(interaction, may_ask=True) as answer:
        await ask(interaction, answer, pressed)


async def ask(interaction: Pressed, answer: Answer, pressed: ButtonId) -> None:
    """Open the form, for whoever may make something of this picture."""
    job = await permitted(interaction, pressed.job_id, Deed.DERIVE)
    begun = _begun(interaction, job)
    label = "What the picture shall show" if begun else "What to change"
    await answer.modal(EditForm(TITLE, FormId(FormKind.EDIT, str(pressed)), begun, label))


async def edited(interaction: Pressed, about: str, filled: Filled) -> None:
    """Change the picture as the form says."""
    async with Answer(interaction) as answer:
        pressed, job = await about_job(interaction, about)
        asked = [as_drawn(job, options) for options in await asked_in(interaction, filled)]
        images = await pictures_in(interaction, filled)
        await submit_each(
            interaction, answer, asked, lambda one: derived(job, Verb.EDIT, pressed.cell, one, images=images)
        )


async def region(interaction: Pressed, pressed: ButtonId) -> None:
    """Edit region: the same edit somewhere else."""
    async with Answer(interaction, may_ask=True) as answer:
        job = await permitted(interaction, pressed.job_id, Deed.DERIVE)
        form_id = FormId(FormKind.EDIT_REGION, str(pressed))
        await answer.modal(RegionForm("Edit region", form_id, job.spec.options.prompt, "What to change"))


async def region_filled(interaction: Pressed, about: str, filled: Filled) -> None:
    """Change the same picture as before, where the form says."""
    async with Answer(interaction) as answer:
        pressed, job = await about_job(interaction, about)
        if job.spec.verb is not Verb.EDIT:
            raise JobNotFound(job.id)
        where = await mask_in(interaction, pressed, filled)
        asked = [as_drawn(job, options) for options in await asked_in(interaction, filled)]
        await submit_each(interaction, answer, asked, lambda one: derived(job, Verb.REROLL, None, one, mask=where))


async def pictures_in(interaction: Pressed, filled: Filled) -> tuple[str, ...]:
    """The keys under which the pictures of a form are kept. Raises `BadPicture`."""
    return tuple([await submission.take(interaction, picture) for picture in filled.pictures])


def _begun(interaction: Pressed, job: Job) -> str:
    """What stands in the form: the words of the picture, where the model needs those of the picture to be."""
    return "" if interaction.client.services.engine.references(job.model) else job.spec.options.prompt
