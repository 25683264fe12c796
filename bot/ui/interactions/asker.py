"""Who asks, with their roles, and where, with what the bot may do there; for an old interaction as of now."""

from __future__ import annotations

import asyncio
import logging

import discord
from discord.abc import GuildChannel

from bot.domain.jobs.pending_answers import Payload
from bot.domain.model import Member, Place
from bot.domain.moderation.access import moderates
from bot.domain.moderation.guild_rules import DIRECT_MESSAGES
from bot.ui.discord_errors import REFUSALS
from bot.ui.interactions.interaction_responder import Pressed

UNKNOWN_MEMBER = 10007
ASKED_FOR_S = 10.0
_ADULT = (discord.NSFWLevel.explicit, discord.NSFWLevel.age_restricted)

log = logging.getLogger(__name__)


async def member_of(interaction: Pressed) -> Member:
    """The member who asks, and whether the host or the server made them a moderator."""
    user, services = interaction.user, interaction.client.services
    roles = role_ids(user) if isinstance(user, discord.Member) else ()
    manages = interaction.guild_id is not None and interaction.permissions.manage_guild
    rules = await services.rules.get(interaction.guild_id or DIRECT_MESSAGES)
    configured = (*services.settings.discord.moderator_roles, *rules.moderator_roles)
    return Member(
        id=user.id,
        name=user.display_name,
        role_ids=roles,
        guild_id=interaction.guild_id,
        is_moderator=moderates(manages_server=manages, role_ids=roles, moderator_roles=configured),
        manages_server=manages,
        locale=str(interaction.locale),
    )


def place_of(interaction: Pressed) -> Place:
    """The place where the member asks, and what the bot may do there."""
    channel = interaction.channel
    bot_present = _bot_present(interaction)
    return Place(
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id or 0,
        parent_channel_id=channel.parent_id if isinstance(channel, discord.Thread) else None,
        age_restricted=_age_restricted(channel),
        open_channel_id=open_channel_id(channel),
        bot_present=bot_present,
        file_limit_bytes=interaction.filesize_limit,
        missing_permissions=_missing(interaction) if bot_present and interaction.guild_id is not None else (),
    )


def role_ids(member: discord.Member) -> tuple[int, ...]:
    """The ids of a member's roles as Discord sent them: after a reconnect the server's own may not have arrived yet."""
    return (member.guild.id, *member._roles)  # pyright: ignore[reportPrivateUsage]


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


def _bot_present(interaction: Pressed) -> bool:
    if interaction.guild_id is not None:
        return interaction.client.get_guild(interaction.guild_id) is not None
    return interaction.context.dm_channel


def _age_restricted(channel: object) -> bool:
    return isinstance(channel, discord.TextChannel | discord.Thread | discord.VoiceChannel | discord.ForumChannel) and (
        channel.is_nsfw()
    )


def _missing(interaction: Pressed) -> tuple[str, ...]:
    send = "send_messages_in_threads" if isinstance(interaction.channel, discord.Thread) else "send_messages"
    needed = ("view_channel", send, "attach_files")
    return tuple(name for name in needed if not getattr(interaction.app_permissions, name))


async def as_of_now(client: discord.Client, payload: Payload) -> Payload | None:
    """The interaction with the member's present roles, and no right that is gone since; None for one who has left.

    Where the server does not tell, and outside of servers, the interaction stays as it came.
    """
    guild = client.get_guild(int(payload.get("guild_id") or 0))
    member = payload.get("member")
    if guild is None or member is None or guild.get_role(guild.id) is None:
        return payload
    try:
        async with asyncio.timeout(ASKED_FOR_S):
            found = await guild.fetch_member(int(member["user"]["id"]))
    except discord.NotFound as error:
        return None if error.code == UNKNOWN_MEMBER else payload
    except REFUSALS as error:
        log.info("member not read anew: %s", error, extra={"action": "answer"})
        return payload
    roles = [str(role.id) for role in found.roles if not role.is_default()]
    permissions = int(member["permissions"]) & _permissions(guild, found, payload)
    return {**payload, "member": {**member, "roles": roles, "permissions": str(permissions)}}


def _permissions(guild: discord.Guild, member: discord.Member, payload: Payload) -> int:
    channel = guild.get_channel_or_thread(int(payload.get("channel_id") or 0))
    return (member.guild_permissions if channel is None else channel.permissions_for(member)).value
