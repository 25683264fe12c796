"""`/mod ban` and `/mod unban`: who may make no pictures on this server."""

from __future__ import annotations

from datetime import timedelta

import discord
from discord.utils import format_dt

from bot.commands.moderation.moderator_actions import change, guild_id, manages_server, moderator
from bot.domain.model import Member
from bot.domain.moderation.access import Ban, lifted, with_ban
from bot.domain.moderation.guild_rules import GuildRules
from bot.ui.interactions.answer import Answer, Pressed


async def ban(interaction: Pressed, member: discord.User, reason: str, lasts: timedelta | None) -> None:
    """Ban a member, for good where it `lasts` None; what they have under way is stopped."""
    async with Answer(interaction, ephemeral=True) as answer:
        services = interaction.client.services
        now = services.clock()
        until = now + lasts if lasts else None
        new = Ban(member_id=member.id, until=until, reason=reason)
        end = format_dt(until, "f") if until else "further notice"
        manages = await manages_server(interaction, member)

        def changed(rules: GuildRules, by: Member) -> GuildRules:
            bans = with_ban(rules.bans, new, by, now, manages_server=manages)
            return rules.model_copy(update={"bans": bans})

        await change(interaction, "ban", changed, subject=member.mention, reason=f"until {end}: {reason}")
        by = await moderator(interaction, "ban")
        for job in await services.jobs.active(member.id, guild_id(interaction)):
            await services.job_service.cancel(job.id, by)
        await answer.private(f"🚫 {member.mention} makes no pictures here until {end}.")


async def lift(interaction: Pressed, member: discord.User, reason: str) -> None:
    """Let a member make pictures again."""
    async with Answer(interaction, ephemeral=True) as answer:

        def changed(rules: GuildRules, by: Member) -> GuildRules:
            return rules.model_copy(update={"bans": lifted(rules.bans, member.id, by)})

        await change(interaction, "unban", changed, subject=member.mention, reason=reason)
        await answer.private(f"✅ {member.mention} may make pictures again.")
