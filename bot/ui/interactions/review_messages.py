"""How flagged pictures are shown to moderators, and what the review channel says of them afterwards."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

import discord

from bot.domain.model import Cell, Job, Verb
from bot.domain.prompting.prompt import render, shorten
from bot.ui.content import texts
from bot.ui.content.message_page import Upload
from bot.ui.discord_errors import REFUSALS
from bot.ui.interactions.services import Darkroom
from bot.ui.message_changes import insist

_FILE_LIMIT = 8 * 1024 * 1024
_ECHO = 1200

log = logging.getLogger(__name__)


def asking(job: Job) -> str:
    """Whose it is, where, and of which words."""
    echo = texts.echo(render(job.spec.options), _ECHO)
    return f"🔎 <@{job.member_id}> in <#{job.channel_id}>, job `{job.id}`:\n**{echo}**"


async def drawn(client: Darkroom, job: Job, cells: Sequence[Cell]) -> list[discord.File]:
    """The pictures as one file, hidden until clicked."""
    if not cells:
        return []
    services = client.services
    pictures = [await services.pictures.get(cell.key) for cell in cells]
    content, suffix = await services.drawing.grid(pictures, _FILE_LIMIT, is_numbered=job.spec.verb is Verb.DRAFT)
    scores = ", ".join(cell.check_error or f"{cell.unsafe_score or 0:.2f}" for cell in cells)
    alt = f"Flagged pictures (scores {scores}) of the prompt: {shorten(job.spec.options.prompt, 500)}"[
        : texts.ALT_LIMIT
    ]
    return [Upload(texts.file_name(job, suffix), content, alt, spoiler=True).file()]


async def note_decision(client: Darkroom, asked: Sequence[tuple[int, int]], job: Job, by: discord.abc.User) -> None:
    """Say in the review channel who decided; what was rejected is not to be seen there either."""
    text = f"{asking(job)}\n{'✅' if job.state.is_showable else '✖️'} decided by {by.mention}"
    kept: Any = discord.utils.MISSING if job.state.is_showable else []
    for channel_id, message_id in asked:
        channel = client.get_partial_messageable(channel_id, guild_id=job.guild_id)
        try:
            edit = partial(channel.get_partial_message(message_id).edit, content=text, attachments=kept)
            await insist(client, channel_id, edit)
        except REFUSALS as error:
            log.info("review message not updated: %s", error, extra={"action": "review", "job": job.id})
