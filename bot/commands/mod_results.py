"""Deleting results: the messages on Discord, then the rows and the pictures."""

from __future__ import annotations

import logging

from bot.commands.moderating import guild_id, office
from bot.domain.model import Job, Member
from bot.errors import BadOption
from bot.ui.answer import Pressed
from bot.ui.darkroom import Darkroom
from bot.ui.wire import REFUSALS

MOST = 1000
"""How many results of one member are deleted at a time."""

log = logging.getLogger(__name__)


async def delete_results(interaction: Pressed, by: Member, job_id: str, member_id: int | None) -> int:
    """Delete one job's result, or a member's newest thousand here; returns how many. Live jobs are stopped first."""
    parts = interaction.client.parts
    if member_id is None:
        job = await parts.jobs.get(job_id)
        if job.guild_id != guild_id(interaction):
            raise BadOption(job_id, "that job is not of this server")
        chosen = [job]
    else:
        chosen = await parts.jobs.recent(member_id, MOST, guild_id(interaction))
    deleted = 0
    for job in chosen:
        if not job.state.is_final:
            await parts.studio.cancel(job.id, by)
            await parts.studio.gone(job.id)  # what waits for review cannot be cancelled, only given up
        await delete_messages(interaction.client, job)
        deleted += await office(interaction).records.delete_job(job.id)
    return deleted


async def delete_messages(client: Darkroom, job: Job) -> None:
    """The reply, and the posts that show one cell of it."""
    shown = (
        set(await client.parts.office.records.messages_of(job.id)) if client.parts.office else set[tuple[int, int]]()
    )
    if job.reply.message_id is not None and not job.reply.ephemeral:
        shown.add((job.channel_id, job.reply.message_id))
    for channel_id, message_id in shown:
        channel = client.get_partial_messageable(channel_id, guild_id=job.guild_id)
        try:
            await channel.get_partial_message(message_id).delete()
        except REFUSALS as error:
            log.info("not deleted: %s", error, extra={"action": "delete", "job": job.id})
