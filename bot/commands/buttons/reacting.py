"""Who reacts to a message of ours, and where: read from the event, as `submission` reads it from an interaction."""

from __future__ import annotations

import discord
from discord.abc import GuildChannel

from bot.domain.model import Member, Place
from bot.domain.moderation.access import moderates
from bot.domain.moderation.guild_rules import DIRECT_MESSAGES
from bot.ui.interactions.asker import open_channel_id, role_ids
from bot.ui.interactions.services import Darkroom


async def member_of(bot: Darkroom, payload: discord.RawReactionActionEvent) -> Member:
    """The member who reacts, and whether the host or the server made them a moderator."""
    member = payload.member
    roles = role_ids(member) if member else ()
    rules = await bot.services.rules.get(payload.guild_id or DIRECT_MESSAGES)
    configured = (*bot.services.settings.discord.moderator_roles, *rules.moderator_roles)
    manages = member is not None and member.guild_permissions.manage_guild
    return Member(
        id=payload.user_id,
        name=member.display_name if member else str(payload.user_id),
        role_ids=roles,
        guild_id=payload.guild_id,
        is_moderator=moderates(manages_server=manages, role_ids=roles, moderator_roles=configured),
        manages_server=manages,
    )


def place_of(bot: Darkroom, payload: discord.RawReactionActionEvent) -> Place:
    """The channel of the message, and what the bot may do there."""
    channel = bot.get_channel(payload.channel_id)
    guild = bot.get_guild(payload.guild_id) if payload.guild_id is not None else None
    place = Place(
        guild_id=payload.guild_id,
        channel_id=payload.channel_id,
        parent_channel_id=channel.parent_id if isinstance(channel, discord.Thread) else None,
        age_restricted=_is_age_restricted(channel),
        open_channel_id=open_channel_id(channel),
        missing_permissions=_missing(guild, channel),
    )
    return place if guild is None else place.model_copy(update={"file_limit_bytes": guild.filesize_limit})


def _is_age_restricted(channel: object) -> bool:
    return isinstance(channel, discord.TextChannel | discord.Thread | discord.VoiceChannel | discord.ForumChannel) and (
        channel.is_nsfw()
    )


def _missing(guild: discord.Guild | None, channel: object) -> tuple[str, ...]:
    if guild is None or not isinstance(channel, GuildChannel | discord.Thread):
        return ()
    permissions = channel.permissions_for(guild.me)
    send = "send_messages_in_threads" if isinstance(channel, discord.Thread) else "send_messages"
    return tuple(name for name in ("view_channel", send, "attach_files") if not getattr(permissions, name))
