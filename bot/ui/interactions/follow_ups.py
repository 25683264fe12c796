"""Follow-ups, each once: Discord knows no nonce for them, and discord.py repeats one that is answered 5xx.

Where the bot reads the channel, a follow-up that may have arrived is looked for there: it is the answer if nothing was
heard of it, and a copy beside the answer is deleted. A private one is not looked for; twice it harms nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from typing import Any

import discord

from bot.ui.discord_errors import NETWORK_ERRORS, REFUSALS
from bot.ui.interactions.services import Darkroom

REPEATED_S = 1.0
"""discord.py waits this long before it repeats a request that was answered 5xx."""
_LOOKED_AT = 30
"""Newest messages of the channel among which a follow-up is looked for."""

log = logging.getLogger(__name__)


async def send(interaction: discord.Interaction[Darkroom], message: dict[str, Any]) -> int:
    """Send a follow-up, given as arguments of a new message; returns its id. Raises what discord.py raises."""
    loop = asyncio.get_running_loop()
    marks, began_s = _marks_of_view(message.get("view")), loop.time()
    if not marks or message["ephemeral"] or not _reads(interaction):
        return (await interaction.followup.send(**message, wait=True)).id
    try:
        sent_id = (await interaction.followup.send(**message, wait=True)).id
    except (discord.DiscordServerError, *NETWORK_ERRORS):
        arrived = await _arrived(interaction, marks)
        if not arrived:
            raise
        sent_id = arrived[0].id
    else:
        arrived = await _arrived(interaction, marks) if loop.time() - began_s >= REPEATED_S else []
    for copy in arrived:
        if copy.id != sent_id:
            log.info("a follow-up came twice", extra={"action": "answer", "interaction_id": interaction.id})
            with contextlib.suppress(*REFUSALS):
                await copy.delete()
    return sent_id


def _reads(interaction: discord.Interaction[Darkroom]) -> bool:
    if interaction.guild_id is None:
        return interaction.context.dm_channel
    return interaction.client.get_guild(interaction.guild_id) is not None and _may_read(interaction.app_permissions)


def _may_read(allowed: discord.Permissions) -> bool:
    return allowed.view_channel and allowed.read_message_history


async def _arrived(interaction: discord.Interaction[Darkroom], marks: frozenset[str]) -> list[discord.Message]:
    """The interaction's messages in the channel that have these very buttons, newest first."""
    channel = interaction.client.get_partial_messageable(interaction.channel_id or 0, guild_id=interaction.guild_id)
    try:
        newest = [message async for message in channel.history(limit=_LOOKED_AT)]
    except REFUSALS as error:
        log.info("follow-ups not looked for: %s", error, extra={"action": "answer"})
        return []
    return [message for message in newest if _is_of(message, interaction) and _marks_of(message) == marks]


def _is_of(message: discord.Message, interaction: discord.Interaction[Darkroom]) -> bool:
    said = message.interaction_metadata
    is_ours = interaction.application_id in {message.application_id, message.webhook_id, message.author.id}
    return is_ours and message.id > interaction.id and (said is None or said.id == interaction.id)


def _marks_of_view(view: discord.ui.View | discord.ui.LayoutView | None) -> frozenset[str]:
    return _custom_ids(() if view is None else view.walk_children())


def _marks_of(message: discord.Message) -> frozenset[str]:
    return _custom_ids(_walk(message.components))


def _walk(components: Iterable[Any]) -> Iterable[Any]:
    for component in components:
        yield component
        yield from _walk(getattr(component, "children", ()))


def _custom_ids(parts: Iterable[Any]) -> frozenset[str]:
    return frozenset(found for part in parts if (found := getattr(part, "custom_id", None)))
