"""`/mod log`: what moderators did and others tried, the newest first, with a button to what is older."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Self

import discord
from discord.ui import Button, DynamicItem, View
from discord.utils import format_dt

from bot.commands.moderation.moderator_actions import guild_id, moderator
from bot.domain.moderation.audit_entry import AuditEntry
from bot.domain.prompting.prompt import shorten
from bot.ui.content.texts import MESSAGE_LIMIT, unmarked
from bot.ui.interactions.answer import Answer, Pressed

MOST = 20


class OlderButton(DynamicItem[Button[View]], template=r"modlog:(?P<skip>[0-9]{1,9}):(?P<member>[0-9]{1,20})"):
    """Shows the entries before those above it, by or about one member or (0) all; it works after a restart."""

    def __init__(self, skip: int, member_id: int) -> None:
        super().__init__(Button(label="Older", emoji="🔽", custom_id=f"modlog:{skip}:{member_id}"))
        self.skip, self.member_id = skip, member_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button from its id."""
        return cls(int(match["skip"]), int(match["member"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Answer with the next page of the log."""
        async with Answer(interaction, ephemeral=True) as answer:
            await tell(interaction, answer, self.skip, self.member_id)


async def tell(interaction: Pressed, answer: Answer, skip: int, member_id: int) -> None:
    """A page of the log, without its newest `skip` entries; as many as fit into a message."""
    await moderator(interaction, "log")
    log = interaction.client.services.log
    entries = await log.newest(guild_id(interaction), MOST + 1, member_id=member_id or None, skip=skip)
    lines = _fitting([_line(entry) for entry in entries[:MOST]])
    view = _older(skip + len(lines), member_id) if len(lines) < len(entries) else None
    await answer.private("\n".join(lines) or "Nothing yet.", view=view)


def _fitting(lines: Sequence[str]) -> list[str]:
    fitting: list[str] = []
    for line in lines:
        if fitting and len("\n".join([*fitting, line])) > MESSAGE_LIMIT:
            break
        fitting.append(shorten(line, MESSAGE_LIMIT))
    return fitting


def _older(skip: int, member_id: int) -> View:
    view = View(timeout=None)
    view.add_item(OlderButton(skip, member_id))
    view.stop()
    return view


def _line(entry: AuditEntry) -> str:
    tried = "" if entry.done else " (refused)"
    # In a private answer a mention is a name, and calls nobody.
    words = [entry.action + tried, unmarked(entry.subject), unmarked(entry.reason)]
    return f"{format_dt(entry.at, 'f')} <@{entry.actor_id}> " + " · ".join(filter(None, words))
