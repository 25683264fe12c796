"""Deleting results: the messages on Discord, then the rows and the pictures."""

from __future__ import annotations

import logging

from bot.commands.moderation.moderator_actions import guild_id
from bot.domain.model import Job, Member
from bot.domain.moderation.job_access import Deed
from bot.ui.discord_errors import REFUSALS
from bot.ui.interactions.answer import Pressed
from bot.ui.interactions.permitted_jobs import permitted
from bot.ui.interactions.services import Darkroom
from bot.ui.message_changes import insist

MOST = 1000
"""How many results of one member are deleted at a time."""

Shown = tuple[int, int]
"""Channel and message of something shown."""

log = logging.getLogger(__name__)


async def delete_results(interaction: Pressed, by: Member, job_id: str, member_id: int | None) -> int:
    """Delete one job's result, or a member's newest thousand here; returns how many. Live jobs are stopped first."""
    services = interaction.client.services
    if member_id is None:
        chosen = [await permitted(interaction, job_id, Deed.JUDGE)]
    else:
        chosen = await services.jobs.recent(member_id, MOST, guild_id(interaction))
    deleted = 0
    for job in chosen:
        if not job.state.is_final:
            await services.job_service.cancel(job.id, by)
            await services.job_service.gone(job.id)  # what waits for review cannot be cancelled, only given up
        await delete_messages(interaction.client, job)
        deleted += await interaction.client.services.records.delete_job(job.id)
    return deleted


async def delete_messages(client: Darkroom, job: Job) -> None:
    """The reply, and every post that shows it, a cell, its time-lapse, or a tree it stands in."""
    shown = set(await client.services.records.messages_of(job.id))
    if job.reply.message_id is not None and not job.reply.ephemeral:
        shown.add((job.channel_id, job.reply.message_id))
    for channel_id, message_id in shown:
        await delete_message(client, channel_id, message_id)


async def delete_message(client: Darkroom, channel_id: int, message_id: int) -> None:
    """Delete one message of ours, where it can be reached."""
    message = client.get_partial_messageable(channel_id).get_partial_message(message_id)
    try:
        await insist(client, channel_id, message.delete)
    except REFUSALS as error:
        log.info("message not deleted: %s", error, extra={"action": "delete", "channel": channel_id})
