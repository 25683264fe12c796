"""Submitted forms: each is found by its id, so that a form opened before a restart still works."""

from __future__ import annotations

from typing import Any

import discord
from discord.ext import commands

from bot.ui.content.custom_ids import FormId
from bot.ui.content.form_kinds import form_of
from bot.ui.interactions.answer import Answer
from bot.ui.interactions.services import Darkroom

OUTDATED = "This form is of an earlier version of me. Please press the button again."


class Forms(commands.Cog):
    """Dispatches every submitted form."""

    def __init__(self, bot: Darkroom) -> None:
        self._bot = bot

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Build the form again from its id and let it read the answers."""
        if interaction.type is not discord.InteractionType.modal_submit:
            return
        data: Any = interaction.data
        form_id = FormId.parse(data["custom_id"])
        if form_id is None:
            async with Answer(interaction) as answer:
                await answer.private(OUTDATED)
            return
        # discord.py finds buttons by their ids after a restart, but not modals: this is how it reads one.
        submitted = form_of(form_id)._dispatch_submit(  # pyright: ignore[reportPrivateUsage]
            interaction, data["components"], data.get("resolved", {})
        )
        await submitted
