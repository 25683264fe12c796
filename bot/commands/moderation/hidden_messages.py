"""The messages that show a job which a moderator hides, or shows again."""

from __future__ import annotations

import logging
from functools import partial

from bot.commands.moderation.mod_results import delete_message
from bot.domain.model import Job, JobState
from bot.errors import CellNotFound, PictureHidden, StoreError
from bot.ui.content import texts
from bot.ui.content.error_texts import words
from bot.ui.content.message_page import Page
from bot.ui.discord_errors import REFUSALS
from bot.ui.interactions.services import Darkroom
from bot.ui.job_reply.reply_message import change
from bot.ui.message_changes import insist

log = logging.getLogger(__name__)


async def blank(client: Darkroom, job: Job) -> None:
    """Take the pictures out of every message that shows the job; votes about it end."""
    page = Page(texts.shorten(f"{texts.headline(job)}\n🙈 {words(PictureHidden())}", texts.MESSAGE_LIMIT))
    for channel_id, message_id in await _messages(client, job):
        if await _is_of_several(client, message_id):
            await delete_message(client, channel_id, message_id)
        else:
            await _edit(client, channel_id, message_id, page)


async def show_again(client: Darkroom, job: Job) -> None:
    """Fill the job's reply again, and say in its other messages that it is back."""
    if job.state is not JobState.DELIVERED:
        return  # the job service shows it, or a moderator reviews it
    back = Page(texts.shorten(f"{texts.headline(job)}\n👀 This is back; `/show` shows it.", texts.MESSAGE_LIMIT))
    for channel_id, message_id in await _messages(client, job):
        if message_id != job.reply.message_id:
            await _edit(client, channel_id, message_id, back)
            continue
        try:
            cells = await client.services.jobs.cells(job.id)
            page = await client.replies.results.page(job, cells, job.reply.file_limit_bytes)
        except (CellNotFound, StoreError) as error:
            log.warning("result not shown again: %s", error, extra={"job": job.id})
            continue
        await _edit(client, channel_id, message_id, page)


async def _messages(client: Darkroom, job: Job) -> list[tuple[int, int]]:
    shown = set(await client.services.records.messages_of(job.id))
    if job.reply.message_id is not None and not job.reply.ephemeral:
        shown.add((job.channel_id, job.reply.message_id))
    return sorted(shown)


async def _is_of_several(client: Darkroom, message_id: int) -> bool:
    """Whether it is a tree, a time-lapse, a vote or a game: these are made anew, not mended."""
    services = client.services
    if await services.jobs.extract_at(message_id):
        return True
    interventions = services.interventions
    return interventions is not None and await interventions.is_round(message_id)


async def _edit(client: Darkroom, channel_id: int, message_id: int, page: Page) -> None:
    message = client.get_partial_messageable(channel_id).get_partial_message(message_id)
    try:
        await insist(client, channel_id, partial(change, message.edit, page))
    except REFUSALS as error:
        log.info("message not edited: %s", error, extra={"action": "quarantine", "channel": channel_id})
