"""Proposed prompts: *Draw this* starts one as it stands, *Change* opens it in a form. Nothing is drawn before."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Self

import discord
from discord.ui import Button, DynamicItem, View

from bot.domain.prompting.flags import render_flags
from bot.domain.prompting.foreign_prompt import translated_prompt
from bot.domain.prompting.prompt import clean, parse, render
from bot.domain.prompting.repeats import repeated
from bot.errors import BadOption
from bot.ui.content.custom_ids import FormId, FormKind
from bot.ui.content.modals import Form
from bot.ui.content.proposal_page import proposal_text, proposed_in
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.submissions import check_number, submit_rest

_FACES: Mapping[str, tuple[str, str, discord.ButtonStyle]] = MappingProxyType(
    {
        "draw": ("Draw this", "🎨", discord.ButtonStyle.primary),
        "change": ("Change", "✏️", discord.ButtonStyle.secondary),
    }
)


class ProposalButton(DynamicItem[Button[View]], template=r"drp:(?P<act>draw|change)"):
    """A button of a proposal; the text stands in the message, so it works after a restart."""

    def __init__(self, act: str) -> None:
        label, emoji, style = _FACES[act]
        super().__init__(Button(label=label, emoji=emoji, style=style, custom_id=f"drp:{act}"))
        self.act = act

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button."""
        return cls(match["act"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Draw the text, or let the member change it."""
        if self.act == "draw":
            await _draw(interaction)
            return
        async with Answer(interaction, ephemeral=True, may_ask=True) as answer:
            text = proposed_in(interaction.message)
            await answer.modal(Form("Change", FormId(FormKind.RECIPE, ""), text))


async def propose(answer: Answer, before: str, after: str, why: str, lost: Sequence[str] = ()) -> None:
    """Show a proposal privately, with the difference marked. Raises `BadOption` for one too long to be shown."""
    view = View(timeout=None)
    for act in _FACES:
        view.add_item(ProposalButton(act))
    view.stop()
    await answer.private(proposal_text(before, after, why, lost), view=view)


async def translate(
    interaction: Pressed, answer: Answer, prompt: str, given: Mapping[str, str | float | None], error: BadOption
) -> None:
    """Propose the words of this host for another program's; `given` are options of the command, which become flags.

    Raises the error again where there is nothing to propose.
    """
    loras = [card.name for card in await interaction.client.services.engine.loras() if not card.refusal]
    found = translated_prompt(prompt, loras)
    if found is None:
        raise error
    try:
        flags = render_flags(parse("", suffixes=(), set_text=None, needs_words=False, **given))
        text = render(parse(" ".join(filter(None, (found.text, flags))))) if flags else found.text
        why = f"`{error.word}`: that is not written so here. In my words:"
        await propose(answer, clean(prompt), text, why, found.lost)
    except BadOption:
        raise error from None


async def _draw(interaction: Pressed) -> None:
    async with Answer(interaction) as answer:
        message = interaction.message
        prompts = await submission.prompts_of(interaction, proposed_in(message))
        asked = repeated([await submission.read(interaction, text) for text in prompts])
        check_number(interaction, len(asked))
        if not await submit_rest(interaction, answer, asked, asked_by=message.id if message else None):
            await answer.private("This is drawn already; *Change* opens it, or type the command again.")
