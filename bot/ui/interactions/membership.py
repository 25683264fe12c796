"""Who a member is in a server: their roles, and for an interaction of a while ago as the server knows them now."""

from __future__ import annotations

import asyncio
import logging

import discord

from bot.domain.jobs.pending_answers import Payload
from bot.ui.discord_errors import REFUSALS

UNKNOWN_MEMBER = 10007
ASKED_FOR_S = 10.0

log = logging.getLogger(__name__)


def role_ids(member: discord.Member) -> tuple[int, ...]:
    """The ids of a member's roles as Discord sent them: after a reconnect the server's own may not have arrived yet."""
    return (member.guild.id, *member._roles)  # pyright: ignore[reportPrivateUsage]


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
