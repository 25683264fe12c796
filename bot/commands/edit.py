"""`/edit`: change a picture by words, with further pictures and a mask where they help."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.app_commands import Choice, Range, locale_str
from discord.ext import commands

from bot.commands.imagine import choices
from bot.domain.model import Verb
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.contexts import everywhere
from bot.ui.interactions.submissions import submit_each


class Edit(commands.Cog):
    """A picture and words in, the changed picture out."""

    @app_commands.command(name="edit", description=locale_str("Change a picture by your words"))
    @app_commands.describe(
        picture=locale_str("The picture to change"),
        what=locale_str("What to change, or what the picture shall show"),
        second=locale_str("One more picture that the words speak of"),
        third=locale_str("One more picture that the words speak of"),
        mask=locale_str("Where to change: white on black"),
        model=locale_str("Which model draws"),
    )
    @everywhere
    async def edit(
        self,
        interaction: Pressed,
        picture: discord.Attachment,
        what: Range[str, 1, 6000],
        second: discord.Attachment | None = None,
        third: discord.Attachment | None = None,
        mask: discord.Attachment | None = None,
        model: str | None = None,
    ) -> None:
        """Change a picture."""
        async with Answer(interaction) as answer:
            prompts = await submission.prompts_of(interaction, what)
            asked = [await submission.read(interaction, text, has_picture=True, model=model) for text in prompts]
            given = [each for each in (picture, second, third) if each is not None]
            images = tuple([await submission.take(interaction, each) for each in given])
            where = None if mask is None else await submission.take(interaction, mask, "mask")
            await submit_each(
                interaction, answer, asked, lambda one: submission.spec(Verb.EDIT, one, images=images, mask=where)
            )

    @edit.autocomplete("model")
    async def models(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """Names from memory, those that begin with what was typed first."""
        return choices(interaction.client.services.models(), typed)
