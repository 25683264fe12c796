"""The hall of fame: a private page for each winner, with buttons to the next ones."""

from __future__ import annotations

import re
from typing import Any, Self

import discord
from discord.ui import Button, DynamicItem, View

from bot.domain.model import JobState
from bot.domain.rounds.fame import Fame
from bot.errors import JobNotFound
from bot.ui.content.custom_ids import HALL_TEMPLATE
from bot.ui.content.message_page import Page, Upload
from bot.ui.content.show_texts import famed
from bot.ui.content.texts import ALT_LIMIT, shorten
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.playing import hall
from bot.ui.interactions.services import Services

OLDER, NEWER = "o", "n"
NOTHING = "Nothing hangs in the hall of fame yet. It keeps the winner of each show; `/weekly setup` is for moderators."


class HallButton(DynamicItem[Button[View]], template=HALL_TEMPLATE):
    """Go to the winner before or after the one above it; works after a restart."""

    def __init__(self, way: str, round_id: str) -> None:
        label, emoji = ("Older", "🔽") if way == OLDER else ("Newer", "🔼")
        super().__init__(Button(label=label, emoji=emoji, custom_id=f"dr-hall:{way}:{round_id}"))
        self.way, self.round_id = way, round_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button from its id."""
        return cls(match["way"], match["round"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Show that one."""
        async with Answer(interaction, ephemeral=True) as answer:
            store, here = hall(interaction), interaction.guild_id or 0
            now = await store.get(here, self.round_id)
            if now is None:
                found = None
            elif self.way == OLDER:
                found = await store.page(here, now.shown_at)
            else:
                found = await store.after(here, now.shown_at)
            # It may have been taken out meanwhile.
            await say(interaction, answer, found or await store.page(here))


async def say(interaction: Pressed, answer: Answer, one: Fame | None) -> None:
    """Answer privately with a winner."""
    if one is None:
        await answer.private(NOTHING)
        return
    services, view = interaction.client.services, View(timeout=None)
    if await hall(interaction).after(one.guild_id, one.shown_at) is not None:
        view.add_item(HallButton(NEWER, one.round_id))
    if await hall(interaction).page(one.guild_id, one.shown_at) is not None:
        view.add_item(HallButton(OLDER, one.round_id))
    view.stop()
    picture = await _picture(services, one)

    async def fitted(limit: int) -> Page:
        if picture is None:
            return Page(f"{famed(one)}\n-# Its picture cannot be shown.", view=view)
        content, suffix = await services.drawing.fitted(picture, limit)
        alt = shorten(f"The winner: {one.prompt}", ALT_LIMIT)
        return Page(famed(one), (Upload(f"darkroom-hall-{one.round_id}.{suffix}", content, alt),), view)

    await answer.page(fitted, interaction.filesize_limit, is_private=True)


async def _picture(services: Services, one: Fame) -> bytes | None:
    """The copy; None where a moderator hides the picture, or the copy is lost. The job may be long gone."""
    try:
        if (await services.jobs.get(one.job_id)).state is JobState.HIDDEN:
            return None
    except JobNotFound:
        pass
    try:
        return await services.pictures.get(one.key)
    except KeyError:
        return None
