"""Reactions on results: ✉️ sends by direct message, ⭐ marks, ❌ stops or deletes; others press a grid's buttons."""

from __future__ import annotations

import contextlib
import logging
from datetime import timedelta

import discord
from discord.ext import commands

from bot.commands.buttons.reacting import member_of
from bot.commands.buttons.reaction_buttons import BUTTONS, ReactionButtons
from bot.commands.moderation.mod_results import delete_message, delete_messages
from bot.commands.moderation.moderator_actions import note
from bot.domain.model import CellRef, Job, JobState, Member, Place
from bot.domain.moderation.job_access import Deed, Viewer
from bot.domain.prompting.derivation import UNDRAWN
from bot.errors import CellNotFound, JobNotFound, NotAllowedHere, NotYours
from bot.ui.content import texts
from bot.ui.content.buttons import star_view
from bot.ui.content.error_texts import words
from bot.ui.content.message_page import Upload
from bot.ui.discord_errors import DM_CLOSED, REFUSALS
from bot.ui.interactions.cooldowns import Cooldowns
from bot.ui.interactions.permitted_jobs import may, visible
from bot.ui.interactions.services import Darkroom
from bot.ui.job_reply.direct_messages import FILE_LIMIT

ENVELOPE, STAR, CROSS = "✉", "⭐", "❌"
MEANT = (ENVELOPE, STAR, CROSS, *BUTTONS)
"""Every reaction that does something."""
SEND_COOLDOWN = timedelta(minutes=10)

log = logging.getLogger(__name__)


class Reactions(commands.Cog):
    """Listens to reactions on the bot's own messages; no privileged intent is needed."""

    def __init__(self, bot: Darkroom) -> None:
        self._bot, self._buttons = bot, ReactionButtons(bot)
        self._sent, self._asked = Cooldowns(SEND_COOLDOWN), Cooldowns(SEND_COOLDOWN)

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        """Act on a reaction to one of the bot's results."""
        emoji = payload.emoji.name.replace("\ufe0f", "")
        if emoji not in MEANT or self._is_foreign(payload):
            return
        try:
            job, cell = await self._bot.services.jobs.at_message(payload.message_id)
            await self._may(payload, job, Deed.END if emoji == CROSS else Deed.SEE)
        except JobNotFound:
            if emoji == CROSS:
                await self._end_extract(payload)
            return
        except NotYours:
            return
        if emoji in BUTTONS:
            await self._buttons.press(payload, emoji, await self._member(payload), job, cell)
            return
        match emoji:
            case "✉":
                await self._send(payload, job, cell)
            case "⭐":
                await self._mark(payload, job, cell)
            case _:
                await self._end(payload, job, cell)

    @commands.Cog.listener()
    async def on_raw_reaction_remove(self, payload: discord.RawReactionActionEvent) -> None:
        """Remove the mark when the star is removed."""
        if payload.emoji.name.rstrip("\ufe0f") != STAR:
            return
        try:
            job, cell = await self._bot.services.jobs.at_message(payload.message_id)
        except JobNotFound:
            return
        self._asked.undo((payload.user_id, payload.message_id))
        for ref in await self._marked(job, cell):
            await self._bot.services.members.unfavour(payload.user_id, ref)

    async def _may(self, payload: discord.RawReactionActionEvent, job: Job, deed: Deed) -> None:
        """Check access to the job; whoever reacts to a message can see it. Raises `JobNotFound` and `NotYours`."""
        await may(self._bot.services, deed, Viewer(member=await self._member(payload), sees=True), job)

    async def _end_extract(self, payload: discord.RawReactionActionEvent) -> None:
        """Delete a time-lapse or a family tree, by the owner of a job in it or a moderator; the jobs stay."""
        for job in await self._bot.services.jobs.extract_at(payload.message_id):
            with contextlib.suppress(JobNotFound, NotYours):
                await self._may(payload, job, Deed.END)
                await note(self._bot, await self._member(payload), job, "delete")
                await delete_message(self._bot, payload.channel_id, payload.message_id)
                return

    def _is_foreign(self, payload: discord.RawReactionActionEvent) -> bool:
        me = self._bot.user
        by_bot = payload.member is not None and payload.member.bot
        return me is None or by_bot or payload.user_id == me.id or payload.message_author_id not in (None, me.id)

    async def _marked(self, job: Job, cell: int | None) -> list[CellRef]:
        """Return the pictures that a message shows: one, or all of a grid; none of a job in review or blocked."""
        kept = await self._bot.services.jobs.cells(job.id) if job.state.is_showable else []
        return [CellRef(job_id=job.id, cell=one.cell) for one in kept if cell in (None, one.cell)]

    async def _mark(self, payload: discord.RawReactionActionEvent, job: Job, cell: int | None) -> None:
        """Mark the picture of a message as a favourite; for a grid, ask which one, once for each star."""
        marked = await self._marked(job, cell)
        if len(marked) == 1:
            await self._bot.services.members.favour(payload.user_id, marked[0])
        elif marked and self._asked.begin((payload.user_id, payload.message_id), self._bot.services.clock()):
            await self._say(
                payload,
                f"⭐ <@{payload.user_id}> Which picture do you mean?",
                view=star_view(job.id, [ref.cell for ref in marked]),
            )

    async def _send(self, payload: discord.RawReactionActionEvent, job: Job, cell: int | None) -> None:
        """The pictures, the seed and the id, privately; closed direct messages are said in the channel.

        Once per member, message and ten minutes: taking the emoji away and putting it back is free.
        """
        sending = (payload.user_id, payload.message_id)
        if self._sent.begin(sending, self._bot.services.clock()) and not await self._is_sent(payload, job, cell):
            self._sent.undo(sending)

    async def _is_sent(self, payload: discord.RawReactionActionEvent, job: Job, cell: int | None) -> bool:
        """Send the direct message; return whether Discord accepted it."""
        services = self._bot.services
        try:
            job = await visible(services, job, Place(channel_id=0))
            files = [upload.file() for upload in await self._uploads(job, cell)]
        except JobNotFound:
            return False
        except (NotAllowedHere, CellNotFound) as error:
            await self._say(payload, f"<@{payload.user_id}> {words(error)}")
            return False
        kept = [one for one in await services.jobs.cells(job.id) if cell in (None, one.cell)]
        seeds = ", ".join(str(one.seed) for one in kept if job.spec.verb not in UNDRAWN)
        seed = f"Seed {seeds} · " if seeds else ""
        text = texts.shorten(f"{texts.headline(job)}\n{seed}job `{job.id}`", texts.MESSAGE_LIMIT)
        try:
            member = await self._bot.fetch_user(payload.user_id)
            await member.send(text, files=files)
            return True
        except REFUSALS as error:
            if isinstance(error, discord.HTTPException) and error.code in DM_CLOSED:
                closed = f"<@{payload.user_id}> I cannot send you direct messages; allow them here first."
                await self._say(payload, closed)
                return False
            log.warning(
                "result not sent by direct message: %s", error, extra={"action": "direct message", "job": job.id}
            )
        return False

    async def _uploads(self, job: Job, cell: int | None) -> list[Upload]:
        """Yield the pictures of a message one by one. Raises `CellNotFound`."""
        services, uploads = self._bot.services, list[Upload]()
        for one in await self._marked(job, cell):
            picture = await services.job_service.picture(job.id, one.cell)
            content, suffix = await services.drawing.fitted(picture, FILE_LIMIT)
            name = texts.file_name(job, suffix, one.cell)
            uploads.append(Upload(name, content, texts.alt_text(job, one.cell), spoiler=job.spoiler))
        return uploads

    async def _end(self, payload: discord.RawReactionActionEvent, job: Job, cell: int | None) -> None:
        """Stop a job under way; delete a result with its pictures, or a message that shows one of them.

        By the owner or a moderator, silently ignored from others.
        """
        member = await self._member(payload)
        ended = await self._bot.services.job_service.cancel(job.id, member)
        if not job.state.is_final:
            if ended.state is JobState.CANCELLED:
                await note(self._bot, member, ended, "cancel")
            return
        await note(self._bot, member, ended, "delete")
        await delete_message(self._bot, payload.channel_id, payload.message_id)
        if cell is None:
            await delete_messages(self._bot, job)
            await self._bot.services.records.drop_pictures(job.id)

    async def _member(self, payload: discord.RawReactionActionEvent) -> Member:
        return await member_of(self._bot, payload)

    async def _say(
        self, payload: discord.RawReactionActionEvent, text: str, view: discord.ui.View | None = None
    ) -> None:
        only = discord.AllowedMentions(users=[discord.Object(payload.user_id)], roles=False, everyone=False)
        try:
            if view is None:
                await self._channel(payload).send(text)
            else:
                await self._channel(payload).send(text, view=view, silent=True, allowed_mentions=only)
        except REFUSALS as error:
            log.info("reply to a reaction not sent: %s", error, extra={"action": "answer"})

    def _channel(self, payload: discord.RawReactionActionEvent) -> discord.PartialMessageable:
        return self._bot.get_partial_messageable(payload.channel_id, guild_id=payload.guild_id)
