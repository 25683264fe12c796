"""`/mod`: what happens on this server, and how to stop it; words, channels and review have files of their own."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import discord
from discord import app_commands
from discord.app_commands import Range, locale_str
from discord.ext import commands

from bot.commands.moderation import mod_bans, mod_family, mod_game, mod_log, mod_queue, mod_switches
from bot.commands.moderation.mod_channel import ChannelRules
from bot.commands.moderation.mod_results import delete_results
from bot.commands.moderation.mod_review import Review
from bot.commands.moderation.mod_round import ModRound
from bot.commands.moderation.mod_words import Words
from bot.commands.moderation.moderator_actions import (
    PERMISSIONS,
    change,
    entry,
    guild_id,
    moderator,
)
from bot.domain.model import JobState, Member
from bot.domain.moderation.access import require_manager
from bot.domain.moderation.guild_rules import GuildRules, PicturePolicy
from bot.domain.moderation.job_access import Deed
from bot.errors import BadOption
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.contexts import servers_only
from bot.ui.interactions.permitted_jobs import permitted

MAX_WEIGHT = 100.0


class Mod(commands.Cog):
    """The queue, bans, results, the log, and how the server is set up."""

    mod = servers_only(
        app_commands.Group(name="mod", description=locale_str("For moderators"), default_permissions=PERMISSIONS)
    )
    mod.add_command(Words())
    mod.add_command(ChannelRules())
    mod.add_command(Review())
    mod.add_command(ModRound())
    mod.add_command(mod_family.Quarantine())

    @mod.command(name="queue", description=locale_str("All jobs under way here, with buttons to stop them"))
    async def queue(self, interaction: Pressed) -> None:
        """List waiting and running jobs with their prompts."""
        await mod_queue.tell(interaction)

    @mod.command(name="cancel", description=locale_str("Stop a job of anybody"))
    @app_commands.describe(job=locale_str("The job's id"), reason=locale_str("Why, for the log"))
    async def cancel(self, interaction: Pressed, job: str, reason: str = "") -> None:
        """End one job; the quota is refunded for what was not drawn."""
        async with Answer(interaction, ephemeral=True) as answer:
            member = await moderator(interaction, "cancel")
            services = interaction.client.services
            found = await permitted(interaction, job.strip(), Deed.JUDGE)
            ended = await services.job_service.cancel(found.id, member)
            if ended.state is JobState.CANCELLED:
                made = entry(interaction, "cancel", f"job {found.id} of <@{found.member_id}>", reason)
                await interaction.client.services.log.add(made)
            await answer.private(f"`{ended.id}`: {ended.state.value}")

    @mod.command(name="game", description=locale_str("Pause, go on with, clean or stop this channel's game"))
    @app_commands.describe(
        action=locale_str("What to do"),
        number=locale_str("For void: the number of the line or the chain"),
        reason=locale_str("Why, for the log"),
    )
    async def game(
        self,
        interaction: Pressed,
        action: mod_game.Action,
        number: Range[int, 1, 20] | None = None,
        reason: Range[str, 0, 200] = "",
    ) -> None:
        """Hold, go on with, clean or end what this channel plays."""
        await mod_game.moderate(interaction, action, number, reason)

    @mod.command(name="consent", description=locale_str("Who may make something of whose pictures here"))
    @app_commands.describe(share=locale_str("For members who said nothing; their own word counts before it"))
    async def consent(self, interaction: Pressed, share: Literal["all", "ask", "me"]) -> None:
        """Set the server's default."""
        await mod_family.set_default(interaction, share)

    @mod.command(name="reactions", description=locale_str("Whether reactions press the buttons of grids"))
    @app_commands.describe(enabled=locale_str("1️⃣-4️⃣ show a picture, 🇦-🇩 vary it, 🔄 draws again"))
    async def reactions(self, interaction: Pressed, enabled: bool) -> None:
        """Switch the reactions that stand for buttons on or off."""
        await mod_switches.reactions(interaction, enabled=enabled)

    @mod.command(name="relax", description=locale_str("Whether members may draw outside of their quota"))
    @app_commands.describe(enabled=locale_str("--relax: drawn when nobody else waits"))
    async def relax(self, interaction: Pressed, enabled: bool) -> None:
        """Switch `--relax` on or off."""
        await mod_switches.relax(interaction, enabled=enabled)

    @mod.command(name="results", description=locale_str("How four pictures are shown here"))
    @app_commands.describe(form=locale_str("Four pictures to swipe through, or all as one picture"))
    async def results(self, interaction: Pressed, form: Literal["album", "grid"]) -> None:
        """Set the server's default."""
        await mod_switches.results(interaction, form)

    @mod.command(name="pause", description=locale_str("Take no new jobs; what waits is held where possible"))
    @app_commands.describe(reason=locale_str("Why; members read it"))
    async def pause(self, interaction: Pressed, reason: Range[str, 0, 200] = "") -> None:
        """Refuse new jobs, and pause the engine when it serves only this server."""
        await mod_queue.pause(interaction, reason)

    @mod.command(name="drain", description=locale_str("Take no new jobs and finish those that wait and run"))
    @app_commands.describe(reason=locale_str("Why; members read it"))
    async def drain(self, interaction: Pressed, reason: Range[str, 0, 200] = "") -> None:
        """Refuse new jobs; those under way finish."""
        await mod_queue.drain(interaction, reason)

    @mod.command(name="resume", description=locale_str("Take jobs again"))
    async def resume(self, interaction: Pressed) -> None:
        """Accept new jobs again."""
        await mod_queue.resume(interaction)

    @mod.command(name="ban", description=locale_str("Let somebody make no more pictures here"))
    @app_commands.describe(
        member=locale_str("Who"),
        reason=locale_str("Why; they and the log are told"),
        time=locale_str("How long; without it until the ban is lifted"),
        unit=locale_str("What the time is counted in"),
    )
    async def ban(
        self,
        interaction: Pressed,
        member: discord.User,
        reason: Range[str, 1, 300],
        time: Range[int, 1, 10000] | None = None,
        unit: Literal["hours", "days", "weeks"] = "days",
    ) -> None:
        """Ban from making pictures, for a time or for good; what they have under way is stopped."""
        await mod_bans.ban(interaction, member, reason, timedelta(**{unit: time}) if time else None)

    @mod.command(name="unban", description=locale_str("Let somebody make pictures again"))
    @app_commands.describe(member=locale_str("Who"), reason=locale_str("Why, for the log"))
    async def unban(self, interaction: Pressed, member: discord.User, reason: str = "") -> None:
        """Lift a ban."""
        await mod_bans.lift(interaction, member, reason)

    @mod.command(name="delete", description=locale_str("Delete a result, or all of a member's results here"))
    @app_commands.describe(
        job=locale_str("The job's id"), member=locale_str("Whose results"), reason=locale_str("Why, for the log")
    )
    async def delete(
        self, interaction: Pressed, job: str = "", member: discord.User | None = None, reason: str = ""
    ) -> None:
        """Delete messages, pictures and rows."""
        async with Answer(interaction, ephemeral=True) as answer:
            by = await moderator(interaction, "delete")
            if bool(job.strip()) == (member is not None):
                raise BadOption("job", "say either a job or a member")
            subject = member.mention if member else f"job {job.strip()}"
            if await interaction.client.services.log.knows(entry(interaction, "delete", subject)):
                await answer.private("🗑️ Deleted.")  # before I was restarted; what came since stays
                return
            deleted = await delete_results(interaction, by, job.strip(), member.id if member else None)
            await interaction.client.services.log.add(
                entry(interaction, "delete", subject, f"{deleted} deleted. {reason}".strip())
            )
            await answer.private(f"🗑️ {deleted} deleted.")

    @mod.command(name="log", description=locale_str("What moderators did, and what others tried"))
    @app_commands.describe(member=locale_str("By or about one member only"))
    async def log(self, interaction: Pressed, member: discord.User | None = None) -> None:
        """The newest entries of the log."""
        async with Answer(interaction, ephemeral=True) as answer:
            await mod_log.tell(interaction, answer, 0, member.id if member else 0)

    @mod.command(name="weight", description=locale_str("A role's share of the queue; 1 is everybody's"))
    @app_commands.describe(role=locale_str("Which role"), weight=locale_str("2 means twice the share; 1 takes it away"))
    async def weight(self, interaction: Pressed, role: discord.Role, weight: float) -> None:
        """Set the share of the device that the members of a role get while others wait."""
        async with Answer(interaction, ephemeral=True) as answer:
            if not 0.01 <= weight <= MAX_WEIGHT:
                raise BadOption(f"{weight:g}", f"a number from 0.01 to {MAX_WEIGHT:g} goes here")

            def changed(rules: GuildRules, _: object) -> GuildRules:
                others = tuple((known, share) for known, share in rules.role_weights if known != role.id)
                added = () if weight == 1 else ((role.id, weight),)
                return rules.model_copy(update={"role_weights": (*others, *added)})

            await change(interaction, "weight", changed, subject=f"{role.mention}: {weight:g}")
            await answer.private(f"✅ {role.mention} has {weight:g} times everybody's share.")

    @mod.command(name="picture", description=locale_str("What happens with pictures the check flags"))
    @app_commands.describe(
        policy=locale_str("Show them, hide them until clicked, have them reviewed, or keep them back"),
        where=locale_str("In which channels"),
        threshold=locale_str("From which score on a picture is flagged, 0 to 1"),
    )
    async def picture(
        self,
        interaction: Pressed,
        policy: Literal["off", "spoiler", "review", "block"],
        where: Literal["ordinary channels", "age-restricted channels"] = "ordinary channels",
        threshold: Range[float, 0.05, 1.0] | None = None,
    ) -> None:
        """Set what happens with pictures that the picture check flags."""
        async with Answer(interaction, ephemeral=True) as answer:
            field = "pictures" if where == "ordinary channels" else "pictures_age_restricted"
            update = {field: PicturePolicy(policy)} | ({} if threshold is None else {"picture_threshold": threshold})
            subject = f"{where}: {policy}" + ("" if threshold is None else f", from {threshold:g}")
            rules = await change(
                interaction, "picture", lambda rules, _: rules.model_copy(update=update), subject=subject
            )
            hint = ""
            if policy == "review" and rules.review_channel_id is None:
                hint = " Say where with `/mod review on`; until then `/mod review list` shows what waits."
            if policy != "off" and not interaction.client.services.settings.engine.safety:
                hint += " ⚠️ This host has switched the picture check off, so nothing is flagged."
            await answer.private(f"✅ {subject}.{hint}")

    @mod.command(name="roles", description=locale_str("Roles that may use these commands"))
    @app_commands.describe(
        first=locale_str("A moderator role"),
        second=locale_str("Another one"),
        third=locale_str("Another one"),
        remove=locale_str("Take it away; without anything it is shown"),
    )
    async def roles(
        self,
        interaction: Pressed,
        first: discord.Role | None = None,
        second: discord.Role | None = None,
        third: discord.Role | None = None,
        remove: bool = False,
    ) -> None:
        """Who is a moderator besides members with Manage Server; without roles it is shown."""
        async with Answer(interaction, ephemeral=True) as answer:
            chosen = [role for role in (first, second, third) if role is not None]
            kept = tuple(dict.fromkeys(role.id for role in chosen))
            if chosen and remove:
                raise BadOption("remove", "either roles, or take them away")
            if not chosen and not remove:
                await moderator(interaction, "roles")
                rules = await interaction.client.services.rules.get(guild_id(interaction))
                known = ", ".join(f"<@&{role}>" for role in rules.moderator_roles) or "Manage Server only"
                await answer.private(f"Moderators: {known}. `remove` takes the roles away.")
                return

            def changed(rules: GuildRules, by: Member) -> GuildRules:
                require_manager(by)
                return rules.model_copy(update={"moderator_roles": kept})

            named = ", ".join(role.mention for role in chosen) or "Manage Server only"
            await change(interaction, "roles", changed, subject=named)
            await answer.private(
                f"✅ Moderators: {named}. Let them see the commands in Server Settings → Integrations → Darkroom."
            )
