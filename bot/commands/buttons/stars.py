"""Buttons of the question "which picture?" after a ⭐ on a grid: they mark it for the member who presses."""

from __future__ import annotations

import contextlib

import discord

from bot.domain.model import CellRef
from bot.domain.moderation.job_access import Deed
from bot.errors import CellNotFound
from bot.ui.content.custom_ids import Act, ButtonId
from bot.ui.discord_errors import REFUSALS
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import place_of
from bot.ui.interactions.permitted_jobs import permitted, visible


async def mark(interaction: Pressed, pressed: ButtonId) -> None:
    """Mark one picture or all of them; delete the question once the member who was asked has answered."""
    services = interaction.client.services
    async with Answer(interaction, ephemeral=True) as answer:
        job = await permitted(interaction, pressed.job_id, Deed.SEE)
        job = await visible(services, job, place_of(interaction))
        is_all = pressed.act is Act.STAR_ALL
        meant = [cell.cell for cell in await services.jobs.cells(job.id) if is_all or cell.cell == pressed.cell]
        if not meant:
            raise CellNotFound(job.id, pressed.cell)
        for cell in meant:
            await services.members.favour(interaction.user.id, CellRef(job_id=job.id, cell=cell))
        what = "All pictures are" if is_all else f"Picture {pressed.cell + 1} is"
        await answer.private(f"⭐ {what} marked. `/info favourites` shows what you marked.")
        await _end(interaction)


async def _end(interaction: Pressed) -> None:
    question = interaction.message
    if question is None or interaction.user.mention not in question.content:
        return
    with contextlib.suppress(*REFUSALS, discord.ClientException):
        await interaction.client.get_partial_messageable(question.channel.id).get_partial_message(question.id).delete()
