"""Permission checks: every command, button, menu, form and reaction gets its job here."""

from __future__ import annotations

import discord
from discord.abc import GuildChannel

from bot.domain.model import Job, Member, Place, Verdict
from bot.domain.moderation.content_policy import verdict_in
from bot.domain.moderation.job_access import Deed, Viewer, knows, permit
from bot.errors import JobNotFound, NotAllowedHere
from bot.ui.interactions.answer import Pressed
from bot.ui.interactions.asker import member_of, place_of
from bot.ui.interactions.services import Services


async def permitted(interaction: Pressed, job_id: str, deed: Deed) -> Job:
    """The job, when whoever presses may do that with it; raises as `bot.domain.moderation.job_access.permit`."""
    services = interaction.client.services
    job = await services.jobs.get(job_id)
    await may(services, deed, await viewer_of(interaction, job), job)
    return job


async def may(services: Services, deed: Deed, viewer: Viewer, job: Job) -> None:
    """Check a deed; raises as `bot.domain.moderation.job_access.permit`."""
    permit(deed, viewer, job, await services.consents.of(job, viewer.member))


async def viewer_of(interaction: Pressed, job: Job, member: Member | None = None) -> Viewer:
    """Whoever presses, and what they see of the job from where they are."""
    member = member or await member_of(interaction)
    return Viewer(member=member, sees=await _sees(interaction, job))


async def is_known(interaction: Pressed, job: Job, member: Member | None = None) -> bool:
    """Whether whoever presses is told of the job."""
    return knows(await viewer_of(interaction, job, member), job)


async def shown(interaction: Pressed, job_id: str) -> Job:
    """A job whose result may be seen here, hidden until clicked where the rules say so.

    Raises as `permit` for what is derived, `JobNotFound` for what is in review, kept back or deleted, and
    `NotAllowedHere`.
    """
    job = await permitted(interaction, job_id, Deed.DERIVE)
    return await visible(interaction.client.services, job, place_of(interaction))


async def visible(services: Services, job: Job, place: Place) -> Job:
    """The job as it may be shown in that place. Raises `JobNotFound` and `NotAllowedHere`."""
    cells = await services.jobs.cells(job.id)
    if not job.state.is_showable or not (cells or job.captions):
        raise JobNotFound(job.id)
    rules = await services.rules.get(place.rules_id)
    verdict = verdict_in(rules, job, cells, place)
    if verdict in (Verdict.REVIEW, Verdict.BLOCK):
        raise NotAllowedHere(f"this picture is only shown in <#{job.channel_id}>")
    return job.model_copy(update={"spoiler": verdict is Verdict.SPOILER})


async def _sees(interaction: Pressed, job: Job) -> bool:
    """Whether they see a channel where it was asked for or is shown: this one, or another of this server."""
    if interaction.channel_id == job.channel_id:
        return True
    channels = {job.channel_id, *await interaction.client.services.jobs.shown_in(job.id)}
    return interaction.channel_id in channels or any(_sees_channel(interaction, channel) for channel in channels)


def _sees_channel(interaction: Pressed, channel_id: int) -> bool:
    channel, member = interaction.client.get_channel(channel_id), interaction.user
    if isinstance(channel, discord.Thread):
        channel = None if channel.is_private() else channel.parent
    if not isinstance(channel, GuildChannel) or not isinstance(member, discord.Member):
        return False
    return channel.guild.id == interaction.guild_id and channel.permissions_for(member).view_channel
