"""Which channels everybody on a server can read: what is made there, the gallery may show if its maker agrees."""

from __future__ import annotations

import discord
from discord.abc import GuildChannel

_ADULT = (discord.NSFWLevel.explicit, discord.NSFWLevel.age_restricted)


def open_channel_id(channel: object) -> int | None:
    """Return the id of an open channel, or of the channel of a public thread; None for all others."""
    if isinstance(channel, discord.Thread):
        channel = None if channel.is_private() else channel.parent
    return channel.id if isinstance(channel, GuildChannel) and is_open(channel) else None


def is_open(channel: GuildChannel) -> bool:
    """Whether every member can read the channel's history, and neither it nor its server is age-restricted.

    Unknown, and so False, on servers that the bot is no member of: Discord does not tell it their roles.
    """
    default_role = channel.guild.get_role(channel.guild.id)
    if default_role is None or getattr(channel, "nsfw", False) or channel.guild.nsfw_level in _ADULT:
        return False
    everybody = channel.permissions_for(default_role)
    return everybody.view_channel and everybody.read_message_history
