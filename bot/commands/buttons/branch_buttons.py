"""Branch under every picture: its words to change, how far to go, and a line in credit of whoever made it."""

from __future__ import annotations

from bot.commands.buttons.derive_buttons import about_job, asked_in, derived, options_of
from bot.domain.model import Verb
from bot.domain.moderation.job_access import Deed
from bot.domain.prompting.prompt import render
from bot.errors import BadOption
from bot.ui.content.custom_ids import ButtonId, FormId, FormKind
from bot.ui.content.modals import LINE_CHARS, BranchForm, Filled
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import member_of, place_of
from bot.ui.interactions.permitted_jobs import permitted
from bot.ui.interactions.submissions import submit_each


async def branch(interaction: Pressed, pressed: ButtonId) -> None:
    """Open the form."""
    async with Answer(interaction, may_ask=True) as answer:
        job = await permitted(interaction, pressed.job_id, Deed.DERIVE)
        form_id = FormId(FormKind.BRANCH, str(pressed))
        await answer.modal(BranchForm("Branch", form_id, render(options_of(job))))


async def branched(interaction: Pressed, about: str, filled: Filled) -> None:
    """Draw the branch."""
    async with Answer(interaction) as answer:
        pressed, job = await about_job(interaction, about)
        line, strength = await _credit(interaction, filled.credit), _strength(filled.strength)
        read = await asked_in(interaction, filled)
        asked = [options.model_copy(update={"strength": strength}) for options in read]
        await submit_each(
            interaction, answer, asked, lambda one: derived(job, Verb.VARY_STRONG, pressed.cell, one, credit=line)
        )


async def _credit(interaction: Pressed, text: str) -> str:
    """The line, once the rules for words let it pass. Raises a `UserError`."""
    line = " ".join(text.split())[:LINE_CHARS]
    if line:
        member, place = await member_of(interaction), place_of(interaction)
        await interaction.client.services.job_service.check_words(member, place, line)
    return line


def _strength(text: str) -> float:
    try:
        strength = float(text.replace(",", "."))
    except ValueError:
        strength = -1.0
    if not 0.0 < strength <= 1.0:
        raise BadOption(text or "strength", "a number above 0 and up to 1 goes here, for example 0.55")
    return strength
