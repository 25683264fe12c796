"""What every moderators' command does first and last: check the right, log the try, change the rules with a reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import discord

from bot.domain.model import Job, Member
from bot.domain.moderation.access import require_moderator
from bot.domain.moderation.audit_entry import AuditEntry
from bot.domain.moderation.guild_rules import DIRECT_MESSAGES, GuildRules
from bot.errors import NotPermitted
from bot.ui.content.message_page import Upload
from bot.ui.content.texts import MESSAGE_LIMIT
from bot.ui.discord_errors import REFUSALS
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import member_of
from bot.ui.interactions.services import Darkroom

PERMISSIONS = discord.Permissions(manage_guild=True)
"""Who sees the commands, unless a server's integration settings say otherwise; the right is checked again here."""


def guild_id(interaction: Pressed) -> int:
    """Which server's rules are meant."""
    return interaction.guild_id or DIRECT_MESSAGES


async def moderator(interaction: Pressed, action: str) -> Member:
    """The member, who is a moderator. Raises `NotPermitted` for others, and logs that they tried."""
    member = await member_of(interaction)
    try:
        require_moderator(member)
    except NotPermitted:
        await interaction.client.services.log.add(entry(interaction, action, done=False))
        raise
    return member


def entry(interaction: Pressed, action: str, subject: str = "", reason: str = "", *, done: bool = True) -> AuditEntry:
    """Return the entry of the audit log about this action."""
    return AuditEntry(
        at=interaction.client.services.clock(),
        guild_id=guild_id(interaction),
        actor_id=interaction.user.id,
        action=action,
        subject=subject,
        reason=reason,
        done=done,
        interaction_id=interaction.id,
    )


async def manages_server(interaction: Pressed, user: discord.User | discord.Member | discord.Object) -> bool:
    """Whether somebody has Manage Server here; who cannot be looked up counts as if they had."""
    if interaction.guild is None:
        return False
    if not isinstance(user, discord.Member):
        try:
            user = await interaction.guild.fetch_member(user.id)
        except discord.NotFound:
            return False
        except REFUSALS:
            return True
    resolved = user.resolved_permissions or discord.Permissions.none()
    return resolved.manage_guild or resolved.administrator or user.guild_permissions.manage_guild


async def change(
    interaction: Pressed,
    action: str,
    changed: Callable[[GuildRules, Member], GuildRules],
    *,
    subject: str = "",
    reason: str = "",
) -> GuildRules:
    """Change the rules as a moderator. What `changed` raises is told, and nothing has changed."""
    member = await moderator(interaction, action)
    made = entry(interaction, action, subject, reason)
    try:
        return await interaction.client.services.rules.change(lambda rules: changed(rules, member), made)
    except NotPermitted:
        await interaction.client.services.log.add(entry(interaction, action, done=False))
        raise


async def tell_all(answer: Answer, lines: Sequence[str], nothing: str = "") -> None:
    """Answer privately with the lines; as a file when they do not fit into one message."""
    text = "\n".join(lines) or nothing
    if len(text) <= MESSAGE_LIMIT:
        await answer.private(text)
    else:
        whole = Upload("list.txt", text.encode(), "The whole list")
        await answer.private(f"{lines[0]}\n… {len(lines)} lines in all:", files=[whole.file()])


async def note(client: Darkroom, member: Member, job: Job, action: str, *, interaction_id: int | None = None) -> None:
    """Log what a moderator did with somebody else's job outside of `/mod`; what is done to one's own is not."""
    if member.id == job.member_id:
        return
    done = AuditEntry(
        at=client.services.clock(),
        guild_id=job.guild_id or DIRECT_MESSAGES,
        actor_id=member.id,
        action=action,
        subject=f"job {job.id} of <@{job.member_id}>",
        interaction_id=interaction_id,
    )
    await client.services.log.add(done)
