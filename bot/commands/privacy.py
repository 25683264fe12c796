"""`/privacy`: what is stored about a member, to take away or to remove, and who may use their pictures."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Literal

import discord
from discord import app_commands
from discord.app_commands import Choice, Range, locale_str
from discord.ext import commands

from bot.commands import gallery_consent
from bot.commands.jobs import own_newest
from bot.commands.moderation import retention
from bot.commands.moderation.mod_results import Shown, delete_message
from bot.commands.moderation.moderator_actions import guild_id
from bot.domain.jobs.job_service import JobService
from bot.domain.model import Job, JobState, Member
from bot.errors import BadOption, FileLimitTooSmall, JobNotFound
from bot.ui.content.message_page import Upload
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import member_of
from bot.ui.interactions.contexts import everywhere
from bot.ui.interactions.services import Darkroom

SURE = "delete everything"
TOLD_WITHIN_S = 5.0
AT_ONCE = 4
"""How many messages are deleted at a time."""
LEFT = (
    "What moderators did with you and why stays in their log and rules, without your words and pictures, and what you "
    "used stays counted until the running windows end. My copies of the database forget you as they are replaced, "
    "after {days} days at most; a backup the host made by hand stays as it is. Messages of mine that I do not reach "
    "any more, and forwarded ones, are for you or moderators to delete."
)


SHARED = {
    "all": "Your pictures may be varied by everybody.",
    "role": "Your pictures may be varied by {role}.",
    "ask": "Whoever wants to make something of your pictures asks you first, in the channel.",
    "me": "Your pictures may be varied by only you.",
    "server": "Your pictures may be varied as each server says.",
}
HANGS = (
    "✅ Shows may hang your pictures of channels that everybody on the server can read: without your name while the "
    "vote goes on, with it at the end."
)
HANGS_NOT = (
    "✅ Shows do not hang your pictures; what hangs now is taken down. Winners of earlier shows stay in the hall."
)


class Privacy(commands.Cog):
    """A member's own records."""

    privacy = everywhere(app_commands.Group(name="privacy", description=locale_str("What is stored about you")))

    @privacy.command(name="export", description=locale_str("Get everything that is stored about you"))
    async def export(self, interaction: Pressed) -> None:
        """One archive with the member's jobs, pictures, settings and favourites."""
        async with Answer(interaction, ephemeral=True) as answer:
            limit = interaction.filesize_limit
            archive = await interaction.client.services.records.export(interaction.user.id, limit)
            if len(archive) > limit:
                raise FileLimitTooSmall(limit)
            upload = Upload("darkroom-export.zip", archive, "Everything Darkroom stores about you")
            await answer.private("Everything I store about you:", files=[upload.file()])

    @privacy.command(name="delete", description=locale_str("Delete everything that is stored about you"))
    @app_commands.describe(confirm=locale_str("It cannot be undone: type “delete everything”"))
    async def delete(self, interaction: Pressed, confirm: str) -> None:
        """Stop the member's jobs, then delete their pictures, jobs, settings, favourites and votes."""
        async with Answer(interaction, ephemeral=True) as answer:
            if confirm.strip().strip("“”\"'").lower() != SURE:
                raise BadOption("confirm", f"nothing was deleted; type “{SURE}” to go on")
            services, member = interaction.client.services, await member_of(interaction)
            theirs = [job for job in await services.jobs.unfinished() if job.member_id == member.id]
            for job in theirs:
                await _end(services.job_service, job, member)
            await _told(services.job_service, theirs)
            await _take_down(interaction.client, await interaction.client.services.records.posts_of(member.id))
            await interaction.client.answer_tracker.forget(member.id, but=interaction.id)
            deleted = await interaction.client.services.records.erase_member(member.id)
            left = LEFT.format(days=services.settings.operation.backups_kept)
            await answer.private(
                f"🗑️ Deleted: {deleted} jobs with their pictures and messages, your uploads, settings, favourites "
                f"and votes. {left}"
            )

    @privacy.command(name="consent", description=locale_str("Who may vary your pictures"))
    @app_commands.describe(
        share=locale_str("Everybody, a role's members, whoever asks you, only you, or as this server says"),
        role=locale_str("Which role, when shared with a role"),
    )
    async def consent(
        self,
        interaction: Pressed,
        share: Literal["all", "role", "ask", "me", "server"],
        role: discord.Role | None = None,
    ) -> None:
        """Set who may make something of all pictures of the member of which they said nothing else, from now on."""
        async with Answer(interaction, ephemeral=True) as answer:
            if (share == "role") != (role is not None):
                raise BadOption("role", "say which role when you share with a role, and only then")
            members = interaction.client.services.members
            update = {"share": None if share == "server" else share, "share_role": role.id if role else None}
            await members.change(interaction.user.id, lambda before: before.model_copy(update=update))
            grants = interaction.client.services.grants
            asks_again = await grants.withdraw(interaction.user.id) if grants is not None else 0
            again = " Whoever you always let has to ask again." if asks_again else ""
            await answer.private(f"✅ {SHARED[share].format(role=role and role.mention)}{again} What was made stays.")

    @privacy.command(name="gallery", description=locale_str("Whether the gallery shows your pictures"))
    @app_commands.describe(
        show=locale_str("Show them to everybody, with prompt and your name; or hide them"),
        job=locale_str("Only the pictures of this job"),
    )
    async def gallery(self, interaction: Pressed, show: bool, job: str | None = None) -> None:
        """Set whether the host's gallery shows the member's pictures, or those of one job."""
        async with Answer(interaction, ephemeral=True) as answer:
            if job is not None:
                await answer.private(await gallery_consent.of_job(interaction, job.strip(), is_shown=show))
            else:
                await answer.private(await gallery_consent.of_member(interaction, is_shown=show))

    @gallery.autocomplete("job")
    async def newest(self, interaction: Pressed, typed: str) -> list[Choice[str]]:
        """The member's newest jobs."""
        return await own_newest(interaction, typed)

    @privacy.command(name="weekly", description=locale_str("Whether shows on your servers may hang your pictures"))
    @app_commands.describe(show=locale_str("Hang them without your name until the vote is over; or never"))
    async def weekly(self, interaction: Pressed, show: bool) -> None:
        """Set whether shows may hang the member's pictures; what hangs now is taken down, too."""
        async with Answer(interaction, ephemeral=True) as answer:
            services = interaction.client.services
            await services.members.change(interaction.user.id, lambda before: before.model_copy(update={"show": show}))
            if not show and services.shows is not None:
                await services.shows.withdraw(interaction.user.id)
            await answer.private(HANGS if show else HANGS_NOT)

    @privacy.command(name="retention", description=locale_str("How long results are kept on this server"))
    @app_commands.describe(days=locale_str("With Manage Server: delete results after so many days; 0 keeps them"))
    async def retention(self, interaction: Pressed, days: Range[int, 0, 3650] | None = None) -> None:
        """Show how long results are kept; members with Manage Server can set it."""
        async with Answer(interaction, ephemeral=True) as answer:
            if days is None:
                rules = await interaction.client.services.rules.get(guild_id(interaction))
                await answer.private(retention.kept(rules.retention_days))
                return
            await retention.ask(interaction, answer, days)


async def _end(job_service: JobService, job: Job, member: Member) -> None:
    """Stop what waits or runs; forget what is about to be shown or reviewed."""
    if job.state in (JobState.QUEUED, JobState.RUNNING):
        await job_service.cancel(job.id, member)
    else:
        await job_service.gone(job.id)


async def _told(job_service: JobService, jobs: Sequence[Job]) -> None:
    """Wait a moment until the replies show the end: a deleted job's reply is no longer edited."""
    with contextlib.suppress(TimeoutError, JobNotFound):
        async with asyncio.timeout(TOLD_WITHIN_S):
            for job in jobs:
                await job_service.wait(job.id)


async def _take_down(client: Darkroom, posts: Sequence[Shown]) -> None:
    """Delete the messages, a few at a time; what is out of reach is left."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(post: Shown) -> None:
        async with room:
            await delete_message(client, *post)

    await asyncio.gather(*map(one, posts))
