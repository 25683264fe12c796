"""Direct messages with results, and pings that a result is ready."""

from __future__ import annotations

import logging

import discord

from bot.domain.model import Job
from bot.ui.content.message_page import Page
from bot.ui.discord_errors import DM_CLOSED, REFUSALS

log = logging.getLogger(__name__)


FILE_LIMIT = 10 * 1024 * 1024
"""The most bytes that a file may have in a direct message, however boosted the server is."""


async def send(client: discord.Client, job: Job, page: Page) -> None:
    """Send the result to the member; with closed DMs it waits for the button on the reply, or in `/info me`.

    Raises what discord.py and aiohttp raise.
    """
    try:
        member = await client.fetch_user(job.member_id)
        await member.send(**page.new(), nonce=f"dm-{job.id}")
    except discord.Forbidden as error:
        if error.code not in DM_CLOSED:
            raise
        log.info("result waits for its button", extra={"action": "deliver", "job": job.id})


async def ping(client: discord.Client, job: Job, message_id: int) -> None:
    """Call the member to the reply. A convenience, so a refusal changes nothing."""
    channel = client.get_partial_messageable(job.channel_id, guild_id=job.guild_id)
    mentions = discord.AllowedMentions(users=[discord.Object(job.member_id)])
    try:
        await channel.send(
            f"<@{job.member_id}> your picture is ready.", allowed_mentions=mentions, nonce=f"ping-{job.id}",
            reference=channel.get_partial_message(message_id), mention_author=False,
        )  # fmt: skip
    except REFUSALS:
        log.info("member not notified", extra={"action": "notify", "job": job.id})
