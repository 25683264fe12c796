"""`/mod review`: flagged pictures wait for a moderator, who approves, rejects or bans with a button."""

from __future__ import annotations

import enum
import logging
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Self

import discord
from discord import ButtonStyle, app_commands
from discord.app_commands import locale_str
from discord.ui import Button, DynamicItem, View

from bot.commands.moderation.moderator_actions import change, entry, guild_id, manages_server, moderator
from bot.domain.model import Cell, Job, JobState, Member
from bot.domain.moderation.access import Ban, with_ban
from bot.domain.moderation.guild_rules import DIRECT_MESSAGES, GuildRules, PicturePolicy
from bot.domain.moderation.job_access import Deed
from bot.errors import BadOption, DeliveryLater
from bot.ui.discord_errors import REFUSALS, is_passing
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.permitted_jobs import permitted
from bot.ui.interactions.review_messages import asking, drawn, note_decision
from bot.ui.interactions.services import Darkroom

BANNED_FOR = timedelta(days=7)
_SHOWN = 5

log = logging.getLogger(__name__)


class ReviewAct(enum.StrEnum):
    """What a moderator's button does. The values stand in messages: never change one."""

    APPROVE = "ok"
    REJECT = "no"
    BAN = "ban"
    CANCEL = "x"
    LOOK = "see"


_FACES: Mapping[ReviewAct, tuple[str, str, ButtonStyle]] = MappingProxyType(
    {
        ReviewAct.APPROVE: ("Approve", "✅", ButtonStyle.success),
        ReviewAct.REJECT: ("Reject", "✖️", ButtonStyle.secondary),
        ReviewAct.BAN: ("Reject and ban for a week", "🚫", ButtonStyle.danger),
        ReviewAct.CANCEL: ("Stop", "✖️", ButtonStyle.secondary),
        ReviewAct.LOOK: ("Look at it", "🔎", ButtonStyle.primary),
    }
)


class ReviewButton(
    DynamicItem[Button[View]], template=rf"mod:(?P<act>{'|'.join(ReviewAct)}):(?P<job>[0-9A-Za-z_-]{{1,64}})"
):
    """A moderator's button under a job; it works after a restart, and only for moderators."""

    def __init__(self, act: ReviewAct, job_id: str, *, label: str = "", row: int | None = None) -> None:
        face, emoji, style = _FACES[act]
        custom_id = f"mod:{act.value}:{job_id}"
        super().__init__(Button(label=label or face, emoji=emoji, style=style, custom_id=custom_id, row=row))
        self.act, self.job_id = act, job_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button from its id."""
        return cls(ReviewAct(match["act"]), match["job"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Carry out the decision, answer, and log it."""
        async with Answer(interaction, ephemeral=True) as answer:
            by = await moderator(interaction, f"review {self.act}")
            job = await permitted(interaction, self.job_id, Deed.JUDGE)
            if self.act is ReviewAct.LOOK:
                cells = await interaction.client.services.jobs.cells(job.id)
                files = await drawn(interaction.client, job, cells)
                await answer.private(asking(job), view=review_view(job.id), files=files)
                return
            if self.act is ReviewAct.BAN:
                await _check_ban(interaction, job, by)  # before anything is decided
            records, is_open = interaction.client.services.records, job.state is JobState.REVIEW
            asked = await records.messages_of(job.id) if is_open else list[tuple[int, int]]()
            ended = await self._decide(interaction, by)
            if ended.state.is_showable is not (self.act is ReviewAct.APPROVE):
                job = ended  # somebody else decided otherwise at the same moment
            if job.state is not ended.state:
                decided = entry(interaction, f"review {self.act}", f"job {job.id} of <@{job.member_id}>")
                await interaction.client.services.log.add(decided)
            if self.act is ReviewAct.BAN:
                await _ban(interaction, job)
            await answer.private(_outcome(self.act, job, ended))
            if job.state is not ended.state:
                await note_decision(interaction.client, asked, ended, interaction.user)

    async def _decide(self, interaction: Pressed, by: Member) -> Job:
        match self.act:
            case ReviewAct.CANCEL:
                return await interaction.client.services.job_service.cancel(self.job_id, by)
            case ReviewAct.APPROVE:
                return await interaction.client.services.job_service.reviews.approve(self.job_id, by)
            case _:
                return await interaction.client.services.job_service.reviews.reject(self.job_id, by)


def review_view(job_id: str) -> View:
    """Approve, reject, ban."""
    view = View(timeout=None)
    for act in (ReviewAct.APPROVE, ReviewAct.REJECT, ReviewAct.BAN):
        view.add_item(ReviewButton(act, job_id))
    view.stop()
    return view


class ReviewRoom:
    """Shows flagged pictures, hidden until clicked, in the review channel (`discord_replies.Reviewers`)."""

    def __init__(self, client: Darkroom) -> None:
        self._client = client

    async def ask(self, job: Job, cells: Sequence[Cell]) -> None:
        """Post the job in the review channel; without one it waits in `/mod review list`."""
        rules = await self._client.services.rules.get(job.guild_id or DIRECT_MESSAGES)
        if rules.review_channel_id is None:
            return
        channel = self._client.get_partial_messageable(rules.review_channel_id, guild_id=job.guild_id)
        files = await drawn(self._client, job, cells)
        try:
            sent = await channel.send(asking(job), files=files, view=review_view(job.id), nonce=f"review-{job.id}"[:25])
        except REFUSALS as error:
            if is_passing(error):
                raise DeliveryLater(5.0, f"review channel: {type(error).__name__}") from error
            # The channel is gone or closed to us: the list still shows what waits.
            log.warning("moderators not asked: %s", error, extra={"action": "review", "job": job.id})
            return
        # It goes when the result is deleted, but is no result: reactions to it press nothing.
        await self._client.services.jobs.extracted([job.id], channel.id, sent.id)


class Review(app_commands.Group):
    """Whether and where flagged pictures wait for a moderator."""

    def __init__(self) -> None:
        super().__init__(name="review", description=locale_str("Flagged pictures wait for a moderator"))

    @app_commands.command(name="on", description=locale_str("Flagged pictures wait in a channel for a decision"))
    @app_commands.describe(channel=locale_str("Where moderators decide; others should not see it"))
    async def on(self, interaction: Pressed, channel: discord.TextChannel) -> None:
        """Send flagged pictures to a review channel."""
        async with Answer(interaction, ephemeral=True) as answer:
            mine = channel.permissions_for(channel.guild.me)
            if not (mine.view_channel and mine.send_messages and mine.attach_files):
                raise BadOption(channel.mention, "I must be able to see it, write there and attach files")
            update = {"review_channel_id": channel.id, "pictures": PicturePolicy.REVIEW}
            await change(
                interaction, "review on", lambda rules, _: rules.model_copy(update=update), subject=channel.mention
            )
            await answer.private(f"✅ Flagged pictures wait in {channel.mention}.")

    @app_commands.command(name="off", description=locale_str("Flagged pictures are kept back instead"))
    async def off(self, interaction: Pressed) -> None:
        """Block flagged pictures again."""
        async with Answer(interaction, ephemeral=True) as answer:
            update = {"review_channel_id": None, "pictures": PicturePolicy.BLOCK}
            await change(interaction, "review off", lambda rules, _: rules.model_copy(update=update))
            await answer.private("✅ Flagged pictures are kept back; what waits stays in `/mod review list`.")

    @app_commands.command(name="list", description=locale_str("Pictures that wait for a decision"))
    async def list(self, interaction: Pressed) -> None:
        """List the jobs in review with buttons to open each."""
        async with Answer(interaction, ephemeral=True) as answer:
            await moderator(interaction, "review list")
            unfinished = await interaction.client.services.jobs.unfinished()
            here = [job for job in unfinished if job.guild_id == guild_id(interaction) and job.state is JobState.REVIEW]
            view = View(timeout=None)
            for number, job in enumerate(here[:_SHOWN], 1):
                view.add_item(ReviewButton(ReviewAct.LOOK, job.id, label=f"Look at {number}"))
            view.stop()
            lines = [f"{number}. `{job.id}` of <@{job.member_id}>" for number, job in enumerate(here[:_SHOWN], 1)]
            more = [f"… and {len(here) - _SHOWN} more"] if len(here) > _SHOWN else []
            await answer.private("\n".join([*lines, *more]) or "Nothing waits.", view=view if here else None)


async def _check_ban(interaction: Pressed, job: Job, by: Member) -> None:
    """Raises what `with_ban` raises for whoever asked for the job."""
    manages = await manages_server(interaction, discord.Object(job.member_id))
    now = interaction.client.services.clock()
    with_ban((), Ban(member_id=job.member_id, until=now + BANNED_FOR), by, now, manages_server=manages)


async def _ban(interaction: Pressed, job: Job) -> None:
    now = interaction.client.services.clock()
    ban = Ban(member_id=job.member_id, until=now + BANNED_FOR, reason="a picture was rejected in review")

    def changed(rules: GuildRules, by: Member) -> GuildRules:
        return rules.model_copy(update={"bans": with_ban(rules.bans, ban, by, now)})

    await change(interaction, "ban", changed, subject=f"<@{job.member_id}>", reason=f"job {job.id}: {ban.reason}")


def _outcome(act: ReviewAct, before: Job, after: Job) -> str:
    if before.state is after.state:
        banned = f" <@{after.member_id}> is banned for a week." if act is ReviewAct.BAN else ""
        return f"`{after.id}` is {after.state.value} already.{banned}"
    return {
        ReviewAct.APPROVE: "✅ It is shown now.",
        ReviewAct.REJECT: "✖️ It stays hidden; no picture was charged.",
        ReviewAct.BAN: f"🚫 It stays hidden, and <@{after.member_id}> is banned for a week.",
    }.get(act, f"`{after.id}`: {after.state.value}")
