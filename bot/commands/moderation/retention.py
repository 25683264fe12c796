"""How long results are kept: set with Manage Server, and asked first when something would go."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Self

import discord
from discord import ButtonStyle
from discord.ui import Button, DynamicItem, View

from bot.commands.moderation.moderator_actions import change, entry, guild_id
from bot.domain.model import Member
from bot.domain.moderation.access import require_manager
from bot.domain.moderation.guild_rules import GuildRules
from bot.errors import BadOption, NotPermitted
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import member_of

ACTION = "retention"


class RetentionButton(DynamicItem[Button[View]], template=r"keep:(?P<days>[0-9]{1,4})"):
    """Sets how many days results are kept, after it was said what goes; it works after a restart."""

    def __init__(self, days: int) -> None:
        label = f"Delete what is older than {days} days"
        super().__init__(Button(label=label, emoji="🗑️", style=ButtonStyle.danger, custom_id=f"keep:{days}"))
        self.days = days

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button from its id."""
        return cls(int(match["days"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Set it."""
        async with Answer(interaction, ephemeral=True) as answer:
            await _set(interaction, answer, self.days)


async def ask(interaction: Pressed, answer: Answer, days: int) -> None:
    """Set it when nothing would be deleted; else say how much, and ask. Raises `BadOption` and `NotPermitted`."""
    await _manager(interaction)
    would_go = 0
    if days:
        before = interaction.client.services.clock() - timedelta(days=days)
        would_go = await interaction.client.services.records.outlived(before, guild_id(interaction))
    if not would_go:
        await _set(interaction, answer, days)
        return
    view = View(timeout=None)
    view.add_item(RetentionButton(days))
    view.stop()
    await answer.private(
        f"{would_go} pictures here are older than {days} days and would be deleted within the hour, for good. Go on?",
        view=view,
    )


def kept(days: int | None) -> str:
    """How long results are kept, in words."""
    if not days:
        return "Results are kept until somebody deletes them."
    return f"Results are deleted after {days} days, with their pictures."


async def _manager(interaction: Pressed) -> None:
    if interaction.guild_id is None:
        raise BadOption("days", "this is set on a server")
    try:
        require_manager(await member_of(interaction))
    except NotPermitted:
        await interaction.client.services.log.add(entry(interaction, ACTION, done=False))
        raise


async def _set(interaction: Pressed, answer: Answer, days: int) -> None:
    await _manager(interaction)

    def changed(rules: GuildRules, _: Member) -> GuildRules:
        return rules.model_copy(update={"retention_days": days or None})

    await change(interaction, ACTION, changed, subject=kept(days))
    await answer.private(f"✅ {kept(days)}")
