"""`/mod review`: flagged pictures wait for a moderator, who approves, rejects or bans with a button."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Self

import discord
from discord import ButtonStyle, app_commands
from discord.app_commands import locale_str
from discord.ui import Button, DynamicItem, View

from bot.commands.moderating import change, entry, guild_id, moderator, office
from bot.domain.access import Ban, with_ban
from bot.domain.guild import DIRECT_MESSAGES, GuildRules, PicturePolicy
from bot.domain.model import Cell, Job, JobState
from bot.domain.prompt import render, shorten
from bot.errors import BadOption, DeliveryLater
from bot.ui import texts
from bot.ui.answer import Answer, Pressed
from bot.ui.darkroom import Darkroom
from bot.ui.page import Upload
from bot.ui.wire import REFUSALS

BANNED_FOR = timedelta(days=7)
_FILE_LIMIT = 8 * 1024 * 1024
_ECHO = 1200
_SHOWN = 5


class ReviewAct(enum.StrEnum):
    """What a moderator's button does. The values stand in messages: never change one."""

    APPROVE = "ok"
    REJECT = "no"
    BAN = "ban"
    CANCEL = "x"
    LOOK = "see"


_FACES = {
    ReviewAct.APPROVE: ("Approve", "✅", ButtonStyle.success),
    ReviewAct.REJECT: ("Reject", "✖️", ButtonStyle.secondary),
    ReviewAct.BAN: ("Reject and ban for a week", "🚫", ButtonStyle.danger),
    ReviewAct.CANCEL: ("Stop", "✖️", ButtonStyle.secondary),
    ReviewAct.LOOK: ("Look at it", "🔎", ButtonStyle.primary),
}


class ReviewButton(DynamicItem[Button[View]], template=r"mod:(?P<act>[a-z]{1,8}):(?P<job>[0-9A-Za-z_-]{1,64})"):
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
        """Do it, say it, log it."""
        async with Answer(interaction, ephemeral=True) as answer:
            by = await moderator(interaction, f"review {self.act}")
            job = await interaction.client.parts.jobs.get(self.job_id)
            if (job.guild_id or DIRECT_MESSAGES) != guild_id(interaction):
                raise BadOption(job.id, "that job is not of this server")
            if self.act is ReviewAct.LOOK:
                await answer.private(_asking(job), view=review_view(job.id), files=await _files(interaction, job))
                return
            if self.act is ReviewAct.CANCEL:
                ended = await interaction.client.parts.studio.cancel(job.id, by)
            elif self.act is ReviewAct.APPROVE:
                ended = await office(interaction).review.approve(job.id, by)
            else:
                ended = await office(interaction).review.reject(job.id, by)
            decided = entry(interaction, f"review {self.act}", f"job {job.id} of <@{job.member_id}>")
            if job.state is not ended.state:
                await office(interaction).log.add(decided)
            if self.act is ReviewAct.BAN:
                await _ban(interaction, job)
            await answer.private(_outcome(self.act, job, ended))


def review_view(job_id: str) -> View:
    """Approve, reject, ban."""
    view = View(timeout=None)
    for act in (ReviewAct.APPROVE, ReviewAct.REJECT, ReviewAct.BAN):
        view.add_item(ReviewButton(act, job_id))
    view.stop()
    return view


class ReviewRoom:
    """`bot.ui.delivery.Reviewers`: shows flagged pictures, hidden until clicked, in the review channel."""

    def __init__(self, client: Darkroom) -> None:
        self._client = client

    async def ask(self, job: Job, cells: Sequence[Cell]) -> None:
        """Post it where the server wants it; without such a channel it waits in `/mod review list`."""
        rules = await self._client.parts.rules.get(job.guild_id or DIRECT_MESSAGES)
        if rules.review_channel_id is None:
            return
        channel = self._client.get_partial_messageable(rules.review_channel_id, guild_id=job.guild_id)
        files = await _drawn(self._client, job, cells)
        try:
            await channel.send(_asking(job), files=files, view=review_view(job.id), nonce=f"review-{job.id}"[:25])
        except (discord.Forbidden, discord.NotFound):
            # The channel is gone or closed to us: the list still shows what waits.
            return
        except REFUSALS as error:
            raise DeliveryLater(5.0, f"review channel: {type(error).__name__}") from error


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
        """What waits, with buttons to look at each."""
        async with Answer(interaction, ephemeral=True) as answer:
            await moderator(interaction, "review list")
            unfinished = await interaction.client.parts.jobs.unfinished()
            here = [job for job in unfinished if job.guild_id == guild_id(interaction) and job.state is JobState.REVIEW]
            view = View(timeout=None)
            for number, job in enumerate(here[:_SHOWN], 1):
                view.add_item(ReviewButton(ReviewAct.LOOK, job.id, label=f"Look at {number}"))
            view.stop()
            lines = [f"{number}. `{job.id}` of <@{job.member_id}>" for number, job in enumerate(here[:_SHOWN], 1)]
            more = [f"… and {len(here) - _SHOWN} more"] if len(here) > _SHOWN else []
            await answer.private("\n".join([*lines, *more]) or "Nothing waits.", view=view if here else None)


async def _ban(interaction: Pressed, job: Job) -> None:
    now = interaction.client.parts.clock()
    ban = Ban(member_id=job.member_id, until=now + BANNED_FOR, reason="a picture was rejected in review")

    def changed(rules: GuildRules, by: Any) -> GuildRules:
        return rules.model_copy(update={"bans": with_ban(rules.bans, ban, by, now)})

    await change(interaction, "ban", changed, subject=f"<@{job.member_id}>", reason=f"job {job.id}: {ban.reason}")


def _outcome(act: ReviewAct, before: Job, after: Job) -> str:
    if before.state is after.state:
        banned = f" <@{after.member_id}> is banned for a week." if act is ReviewAct.BAN else ""
        return f"`{after.id}` is {after.state.value} already.{banned}"
    return {
        ReviewAct.APPROVE: "✅ It is shown now.",
        ReviewAct.REJECT: "✖️ It stays hidden; nothing was charged.",
        ReviewAct.BAN: f"🚫 It stays hidden, and <@{after.member_id}> is banned for a week.",
    }.get(act, f"`{after.id}`: {after.state.value}")


def _asking(job: Job) -> str:
    echo = texts.echo(render(job.spec.options), _ECHO)
    return f"🔎 <@{job.member_id}> in <#{job.channel_id}>, job `{job.id}`:\n**{echo}**"


async def _files(interaction: Pressed, job: Job) -> list[discord.File]:
    return await _drawn(interaction.client, job, await interaction.client.parts.jobs.cells(job.id))


async def _drawn(client: Darkroom, job: Job, cells: Sequence[Cell]) -> list[discord.File]:
    if not cells:
        return []
    parts = client.parts
    pictures = [await parts.pictures.get(cell.key) for cell in cells]
    content, suffix = await parts.drawing.grid(pictures, _FILE_LIMIT)
    scores = ", ".join(cell.check_error or f"{cell.unsafe_score or 0:.2f}" for cell in cells)
    alt = f"Flagged pictures (scores {scores}) of the prompt: {shorten(job.spec.options.prompt, 500)}"[
        : texts.ALT_LIMIT
    ]
    return [Upload(texts.file_name(job, suffix), content, alt, spoiler=True).file()]
