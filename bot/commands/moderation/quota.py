"""`/quota`: who may use how much. For moderators; members see their own in `/info me`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import discord
from discord import app_commands
from discord.app_commands import Range, locale_str
from discord.ext import commands

from bot.commands.moderation.moderator_actions import (
    PERMISSIONS,
    change,
    entry,
    guild_id,
    manages_server,
    moderator,
    tell_all,
)
from bot.domain.model import Member
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.quotas.quota import MAX_LIVE_JOBS, Limit, Scope, Unit, check_amount, with_limit, without_limit
from bot.domain.quotas.windows import Window, zone
from bot.errors import BadOption
from bot.ui.content.quota_texts import limit_line, subject, use_line
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import member_of, place_of, role_ids
from bot.ui.interactions.contexts import servers_only

Target = discord.Member | discord.Role
UnitName = Literal["pictures", "GPU-seconds"]
WindowName = Literal["hour", "day", "week", "month"]


class Quota(commands.Cog):
    """Limits per window in pictures and in measured GPU-seconds."""

    quota = servers_only(
        app_commands.Group(
            name="quota", description=locale_str("Who may use how much"), default_permissions=PERMISSIONS
        )
    )

    @quota.command(name="show", description=locale_str("What a member used and has left"))
    @app_commands.describe(member=locale_str("Whose; without it your own"))
    async def show(self, interaction: Pressed, member: discord.Member | None = None) -> None:
        """The limits that count for somebody in this channel."""
        async with Answer(interaction, ephemeral=True) as answer:
            await moderator(interaction, "quota show")
            who = await member_of(interaction) if member is None else _member(member)
            place, now = place_of(interaction), interaction.client.services.clock()
            uses = await interaction.client.services.quotas.uses(who, place, now)
            lines = [use_line(use) for use in uses]
            await answer.private("\n".join([f"<@{who.id}>", *(lines or ["No limit counts here."])]))

    @quota.command(name="set", description=locale_str("Set a limit; without an amount it is shown"))
    @app_commands.describe(
        amount=locale_str("How many pictures or GPU-seconds in each window"),
        window=locale_str("How long it lasts before it starts anew"),
        unit=locale_str("What is counted"),
        target=locale_str("A member or a role, for each of them alone; without it everyone"),
        channel=locale_str("A channel: one pool that all share there"),
        unlimited=locale_str("No limit for them, whatever others have"),
        remove=locale_str("Take it away; without anything it is shown"),
    )
    async def set(
        self,
        interaction: Pressed,
        window: WindowName,
        amount: float | None = None,
        unit: UnitName = "pictures",
        target: Target | None = None,
        channel: discord.TextChannel | discord.VoiceChannel | discord.ForumChannel | None = None,
        unlimited: bool = False,
        remove: bool = False,
    ) -> None:
        """Set, lift, take away or show one limit."""
        async with Answer(interaction, ephemeral=True) as answer:
            scope, subject_id = _scope(interaction, target, channel)
            if [amount is not None, unlimited, remove].count(True) > 1:
                raise BadOption("remove", "either an amount, or unlimited, or take the limit away")
            new = Limit(
                scope=scope,
                subject_id=subject_id,
                unit=Unit(unit),
                window=Window(window),
                amount=None if unlimited else amount,
            )
            if amount is None and not unlimited and not remove:
                await moderator(interaction, "quota set")
                rules = await interaction.client.services.rules.get(guild_id(interaction))
                await answer.private(_as_it_is(rules.limits, new))
                return

            manages = await _manages(interaction, target)

            def changed(rules: GuildRules, by: Member) -> GuildRules:
                if remove:
                    return rules.model_copy(update={"limits": without_limit(rules.limits, new, by)})
                limits = with_limit(rules.limits, new, by, manages_server=manages)
                return rules.model_copy(update={"limits": limits})

            line = f"{subject(scope, subject_id)}: no limit of their own" if remove else limit_line(new)
            await change(interaction, "quota set", changed, subject=line)
            await answer.private(f"✅ {line}")

    @quota.command(name="grant", description=locale_str("Allow more until the running window ends"))
    @app_commands.describe(
        member=locale_str("Who gets more"),
        amount=locale_str("How much more"),
        window=locale_str("In which window"),
        unit=locale_str("What is counted"),
        reason=locale_str("Why, for the log"),
    )
    async def grant(
        self,
        interaction: Pressed,
        member: discord.Member,
        amount: float,
        window: WindowName = "day",
        unit: UnitName = "pictures",
        reason: str = "",
    ) -> None:
        """Grant one member an extra amount once."""
        async with Answer(interaction, ephemeral=True) as answer:
            await moderator(interaction, "quota grant")
            if amount <= 0:
                raise BadOption(f"{amount:g}", "a number above 0 goes here")
            check_amount(Unit(unit), amount)
            extra = Limit(
                scope=Scope.MEMBER, subject_id=member.id, unit=Unit(unit), window=Window(window), amount=amount
            )
            made = entry(interaction, "quota grant", member.mention, f"{amount:g} {unit}, {window}. {reason}".strip())
            now = interaction.client.services.clock()
            await interaction.client.services.quotas.grant(extra, guild_id(interaction), now, made)
            await answer.private(f"✅ {member.mention} has {amount:g} {unit} more until this {window} ends.")

    @quota.command(name="reset", description=locale_str("Let a member or a channel begin anew"))
    @app_commands.describe(
        member=locale_str("Whose use no longer counts"),
        channel=locale_str("Whose pool begins anew"),
        reason=locale_str("Why, for the log"),
    )
    async def reset(
        self,
        interaction: Pressed,
        member: discord.Member | None = None,
        channel: discord.TextChannel | discord.VoiceChannel | discord.ForumChannel | None = None,
        reason: str = "",
    ) -> None:
        """Reset what was used in all running windows."""
        async with Answer(interaction, ephemeral=True) as answer:
            await moderator(interaction, "quota reset")
            scope, subject_id = _scope(interaction, member, channel)
            if scope is Scope.EVERYONE:
                raise BadOption("member", "say whose: a member or a channel")
            made = entry(interaction, "quota reset", subject(scope, subject_id), reason)
            now = interaction.client.services.clock()
            await interaction.client.services.quotas.reset(guild_id(interaction), scope, subject_id, now, made)
            await answer.private(f"✅ {subject(scope, subject_id)} begins anew.")

    @quota.command(name="list", description=locale_str("All limits of this server"))
    async def list(self, interaction: Pressed) -> None:
        """Every limit, the time zone, and how many jobs a member may have at once."""
        async with Answer(interaction, ephemeral=True) as answer:
            await moderator(interaction, "quota list")
            rules = await interaction.client.services.rules.get(guild_id(interaction))
            lines = [limit_line(limit) for limit in rules.limits] or ["There are no limits."]
            await tell_all(answer, [f"Time zone: {rules.timezone}", _live(rules), *lines])

    @quota.command(name="timezone", description=locale_str("The time zone in which days begin"))
    @app_commands.describe(name=locale_str("For example Europe/Berlin"))
    async def timezone(self, interaction: Pressed, name: str) -> None:
        """When days, weeks and months begin."""
        async with Answer(interaction, ephemeral=True) as answer:
            key = zone(name.strip()).key
            await change(
                interaction, "quota timezone", lambda rules, _: rules.model_copy(update={"timezone": key}), subject=key
            )
            if (shows := interaction.client.services.shows) is not None:
                await shows.rezone(guild_id(interaction))
            await answer.private(f"✅ Windows begin at midnight in {key}.")

    @quota.command(name="jobs", description=locale_str("How many jobs one member may have at once"))
    @app_commands.describe(
        most=locale_str("Waiting and running together"),
        remove=locale_str("Take it away; without anything it is shown"),
    )
    async def jobs(
        self, interaction: Pressed, most: Range[int, 1, MAX_LIVE_JOBS] | None = None, remove: bool = False
    ) -> None:
        """A cap on waiting and running jobs of one member."""
        async with Answer(interaction, ephemeral=True) as answer:
            if most is None and not remove:
                await moderator(interaction, "quota jobs")
                rules = await interaction.client.services.rules.get(guild_id(interaction))
                await answer.private(_live(rules))
                return
            if most is not None and remove:
                raise BadOption("remove", "either a number, or take it away")
            await change(
                interaction,
                "quota jobs",
                lambda rules, _: rules.model_copy(update={"max_live_jobs": most}),
                subject="the host's setting" if most is None else str(most),
            )
            await answer.private("✅ Set." if most else "✅ The host's setting counts again.")


def _live(rules: GuildRules) -> str:
    number = "the host's setting" if rules.max_live_jobs is None else rules.max_live_jobs
    return f"Jobs at once: {number}"


def _as_it_is(limits: Sequence[Limit], asked: Limit) -> str:
    """Those limits of the same subject, unit and window that are set."""
    same = {"scope", "subject_id", "unit", "window"}
    found = [one for one in limits if one.model_dump(include=same) == asked.model_dump(include=same)]
    lines = [limit_line(one) for one in found]
    nothing = f"{subject(asked.scope, asked.subject_id)}: no limit of {asked.unit} each {asked.window}"
    return "\n".join(lines or [nothing]) + "\nNothing was changed; `amount` sets it, `remove` takes it away."


def _member(member: discord.Member) -> Member:
    return Member(id=member.id, name=member.display_name, role_ids=role_ids(member))


async def _manages(interaction: Pressed, target: Target | None) -> bool:
    """Whether a limit is about somebody with Manage Server, or a role that gives it."""
    if isinstance(target, discord.Role):
        return not target.is_default() and (target.permissions.manage_guild or target.permissions.administrator)
    return target is not None and await manages_server(interaction, target)


def _scope(interaction: Pressed, target: Target | None, channel: discord.abc.GuildChannel | None) -> tuple[Scope, int]:
    """Whom a limit is about. Raises `BadOption` for both at once and for a role that is gone."""
    if target is not None and channel is not None:
        raise BadOption("channel", "either a member or role, or a channel; set two limits for both")
    if channel is not None:
        return Scope.CHANNEL, channel.id
    if target is None:
        return Scope.EVERYONE, 0
    if isinstance(target, discord.Member):
        return Scope.MEMBER, target.id
    if target.is_default():
        return Scope.EVERYONE, 0
    if interaction.guild is None or interaction.guild.get_role(target.id) is None:
        raise BadOption(target.name, "there is no such role here any more")
    return Scope.ROLE, target.id
