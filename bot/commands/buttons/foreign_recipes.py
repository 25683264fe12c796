"""Recipes of other programs: the card of one, and *Draw this*."""

from __future__ import annotations

import re
from typing import Any, Self

import discord
from discord.ui import Button, DynamicItem, View

from bot.domain.model import Verb
from bot.domain.prompting.foreign_recipe import drawable
from bot.errors import BadPicture
from bot.ui.content.custom_ids import FormId, FormKind
from bot.ui.content.foreign_card import can_be_drawn, foreign_card, text_on
from bot.ui.content.modals import Filled, Form
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.submissions import submit_each
from engine import ForeignRecipe, InvalidRequest, read_recipe

TITLE = "Draw this"


class DrawThis(DynamicItem[Button[View]], template=r"drc:draw"):
    """Opens the card's text in a form; the text stands in the message, so it works after a restart."""

    def __init__(self) -> None:
        super().__init__(Button(label=TITLE, emoji="🎨", custom_id="drc:draw", style=discord.ButtonStyle.primary))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button; it carries nothing."""
        return cls()

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Let the member read and change the text before it is drawn."""
        async with Answer(interaction, ephemeral=True, may_ask=True) as answer:
            text = text_on(interaction.message) if interaction.message else ""
            await answer.modal(Form(TITLE, FormId(FormKind.RECIPE, ""), text))


async def drawn(interaction: Pressed, about: str, filled: Filled) -> None:
    """Draw what the form says."""
    async with Answer(interaction) as answer:
        prompts = await submission.prompts_of(interaction, filled.prompt)
        asked = [await submission.read(interaction, text) for text in prompts]
        await submit_each(interaction, answer, asked, lambda one: submission.spec(Verb.IMAGINE, one))


async def recipe_in(interaction: Pressed, content: bytes) -> ForeignRecipe:
    """The recipe in a picture's file. Raises `BadPicture` where there is none."""
    try:
        return await interaction.client.services.drawing.run(read_recipe, content)
    except InvalidRequest as error:
        raise BadPicture(error.why) from error


async def tell(interaction: Pressed, answer: Answer, recipe: ForeignRecipe) -> None:
    """Show the card privately, with the button where the text can be drawn."""
    engine = interaction.client.services.engine
    loras = [card.name for card in await engine.loras() if not card.refusal]
    found = drawable(recipe, [spec.name for spec in engine.models()], loras)
    view = View(timeout=None)
    if can_be_drawn(found):
        view.add_item(DrawThis())
    view.stop()
    await answer.private("", embed=foreign_card(recipe, found), view=view)
