"""Reactions that stand for the buttons of a grid: 1️⃣-4️⃣ for U1-U4, 🇦-🇩 for V1-V4, 🔄."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from types import MappingProxyType

import discord

from bot.commands.buttons import derive_buttons
from bot.commands.buttons.reacting import place_of
from bot.commands.buttons.result_buttons import cell_page
from bot.domain.model import Ask, Job, Member, ReplyTo, Verb
from bot.domain.moderation.job_access import Deed, Viewer
from bot.errors import AlreadyAsked, BotError, FileLimitTooSmall, JobNotFound
from bot.ui.content.custom_ids import Act, ButtonId
from bot.ui.content.error_texts import words
from bot.ui.content.message_page import Page
from bot.ui.discord_errors import REFUSALS, is_too_large
from bot.ui.interactions.consent import require_consent
from bot.ui.interactions.cooldowns import Cooldowns
from bot.ui.interactions.permitted_jobs import may, visible
from bot.ui.interactions.services import Darkroom
from bot.ui.interactions.submission import preflight
from bot.ui.job_reply.discord_replies import SMALLEST_LIMIT
from engine import EngineError

REROLL = "🔄"
BUTTONS: Mapping[str, tuple[Act, int]] = MappingProxyType(
    {
        **{f"{number}\u20e3": (Act.SHOW, number - 1) for number in range(1, 5)},
        **{chr(ord("🇦") + cell): (Act.VARY, cell) for cell in range(4)},
        REROLL: (Act.REROLL, 0),
    }
)
"""The button that each reaction presses, and its cell; keycaps without U+FE0F."""
PAUSE = timedelta(minutes=10)
"""One member's reaction counts once in this time, however often it is taken away and put back."""
_LEAST, _MOST = 2, 4

log = logging.getLogger(__name__)


class ReactionButtons:
    """Presses buttons for members who react to a grid; refusals reach them by direct message."""

    def __init__(self, bot: Darkroom) -> None:
        self._bot, self._pressed, self._told = bot, Cooldowns(PAUSE), Cooldowns(PAUSE)

    async def press(
        self, payload: discord.RawReactionActionEvent, emoji: str, member: Member, job: Job, cell: int | None
    ) -> None:
        """Do what the button does, by its rules and for its price; on anything but a grid nothing happens."""
        act, index = BUTTONS[emoji]
        place, services = place_of(self._bot, payload), self._bot.services
        if cell is not None or not (await services.rules.get(place.rules_id)).reaction_buttons:
            return
        cells = await services.jobs.cells(job.id)
        is_grid = job.state.is_showable and job.spec.verb is not Verb.DRAFT and _LEAST <= len(cells) <= _MOST
        if not is_grid or (act is not Act.REROLL and index >= len(cells)):
            return
        pressed = (payload.user_id, payload.message_id, emoji)
        if not self._pressed.begin(pressed, services.clock()):
            return
        try:
            preflight(place)
            await may(services, Deed.DERIVE, Viewer(member=member, sees=True), job)
            if act is Act.SHOW:
                await self._show(payload, member, job, index)
            else:
                await self._derive(payload, member, ButtonId(act, job.id, index), job)
        except (JobNotFound, AlreadyAsked) as error:
            log.info("reaction ignored: %s", error, extra={"action": "reaction", "job": job.id})
        except (BotError, EngineError) as error:
            self._pressed.undo(pressed)
            await self._tell(payload, words(error))

    async def _derive(
        self, payload: discord.RawReactionActionEvent, member: Member, pressed: ButtonId, job: Job
    ) -> None:
        place, services = place_of(self._bot, payload), self._bot.services
        ask = Ask(
            spec=derive_buttons.spec_of(pressed, job),
            member=member,
            place=place,
            reply=ReplyTo(channel_id=place.channel_id, file_limit_bytes=place.file_limit_bytes),
            interaction_id=_asked_by(payload),
            notify=(await services.members.preferences(member.id)).notify,
        )
        await require_consent(services, ask)
        await services.job_service.submit(ask)

    async def _show(self, payload: discord.RawReactionActionEvent, member: Member, job: Job, index: int) -> None:
        place, services = place_of(self._bot, payload), self._bot.services
        job = await visible(services, job, place)
        await services.job_service.check_post(job, member, place)
        channel = self._bot.get_partial_messageable(payload.channel_id, guild_id=payload.guild_id)
        url = channel.get_partial_message(payload.message_id).jump_url
        page = await cell_page(self._bot, job, index, member.id, url, place)
        try:
            sent = await _sent(channel, page, place.file_limit_bytes)
        except REFUSALS as error:
            log.warning("result not shown: %s", error, extra={"action": "reaction", "job": job.id})
            return
        await services.jobs.posted(job.id, index, payload.channel_id, sent.id)

    async def _tell(self, payload: discord.RawReactionActionEvent, why: str) -> None:
        """Say privately why nothing came of it, once for each message."""
        if not self._told.begin((payload.user_id, payload.message_id), self._bot.services.clock()):
            return
        try:
            await (await self._bot.fetch_user(payload.user_id)).send(why)
        except REFUSALS as error:
            log.info("member not told of the failure: %s", error, extra={"action": "reaction"})


async def _sent(
    channel: discord.PartialMessageable, page: Callable[[int], Awaitable[Page]], limit: int
) -> discord.Message:
    """Send a page, with half the bytes while Discord finds it too large. Raises `FileLimitTooSmall`."""
    while True:
        made = await page(limit)
        try:
            view = discord.utils.MISSING if made.view is None else made.view
            return await channel.send(made.text, files=made.files(), view=view)
        except discord.HTTPException as error:
            if not is_too_large(error):
                raise
            limit //= 2
            if limit < SMALLEST_LIMIT:
                raise FileLimitTooSmall(limit) from error


def _asked_by(payload: discord.RawReactionActionEvent) -> int:
    """The id of a press: the same for the same reaction, and negative, as no id of Discord's is."""
    pressed = f"{payload.message_id}:{payload.user_id}:{payload.emoji.name}"
    return -int.from_bytes(hashlib.sha256(pressed.encode()).digest()[:7], "big") - 1
