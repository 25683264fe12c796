"""The buttons of rounds: "Let the group decide" under grids, and those on ballot papers."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from typing import Any, Self

import discord
from discord.ui import Button, DynamicItem, View

from bot.commands.moderation.moderator_actions import entry
from bot.domain.model import Job, Member, Place
from bot.domain.moderation.access import check_ban, check_queue_state
from bot.domain.moderation.job_access import Deed
from bot.domain.rounds.round import Round, RoundAct, RoundKind
from bot.domain.rounds.round_service import RoundService
from bot.errors import BadOption, ConfigError, JobNotFound, RoundNotFound, RoundUnderWay
from bot.ui.content.custom_ids import ROUND_TEMPLATE, ButtonId, RoundId
from bot.ui.content.round_pages import ballot_paper, ballot_view, confirmation
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import member_of, place_of
from bot.ui.interactions.permitted_jobs import permitted, shown

VOTE_FOR = timedelta(minutes=2)
LEAST = 2
"""Between fewer pictures there is nothing to decide."""
_ID_BYTES = 8


class RoundButton(DynamicItem[Button[View]], template=ROUND_TEMPLATE):
    """A button of a ballot paper; it works after a restart, and says so when the vote is over."""

    def __init__(self, round_id: RoundId) -> None:
        super().__init__(Button(custom_id=str(round_id), label="…"))
        self.round_id = round_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button from its id."""
        return cls(RoundId(RoundAct(match["act"]), match["round"], int(match["slot"])))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Let the client do what the button says."""
        await interaction.client.press_round(interaction, self.round_id)


async def vote(interaction: Pressed, pressed: RoundId) -> None:
    """Set or take away a mark."""
    async with Answer(interaction, ephemeral=True) as answer:
        await check(interaction)
        current = await seen(interaction, pressed.round_id)
        ballot = await rounds(interaction).vote(current.id, interaction.user.id, pressed.slot)
        await answer.private(confirmation(ballot, current.slots))


async def end(interaction: Pressed, pressed: RoundId) -> None:
    """End the vote, or call it off."""
    async with Answer(interaction, ephemeral=True) as answer:
        await check(interaction)
        await answer.private(await _end(interaction, await seen(interaction, pressed.round_id), pressed.act))


async def decide(interaction: Pressed, pressed: ButtonId) -> None:
    """\"Let the group decide\": open a vote below the grid."""
    async with Answer(interaction) as answer:
        await check(interaction)
        place = place_of(interaction)
        submission.preflight(place)
        if place.guild_id is None or not place.bot_present:
            raise BadOption("Let the group decide", "a vote needs a server where I am a member")
        job = await shown(interaction, pressed.job_id)
        cells, member = await interaction.client.services.jobs.cells(job.id), await member_of(interaction)
        if len(cells) < LEAST:
            raise BadOption("Let the group decide", "there is only one picture")
        begun = _begun(job, len(cells), member, place, interaction.client.services.clock())
        opened = await rounds(interaction).open(begun)
        is_mine_unsaid = answer.is_taken_up and opened.message_id is None and opened.host.id == member.id
        if opened.id != begun.id and not is_mine_unsaid:
            raise RoundUnderWay(opened.guild_id, opened.channel_id, opened.message_id)
        message_id = await answer.public(ballot_paper(opened, job, 0), view=ballot_view(opened))
        if message_id is not None:
            await rounds(interaction).posted(opened.id, message_id)
            # It goes with the job, but is no result: reactions to it press nothing, and delete it alone.
            await interaction.client.services.jobs.extracted([job.id], place.channel_id, message_id)


def _begun(job: Job, slots: int, member: Member, place: Place, now: datetime) -> Round:
    return Round(
        id=secrets.token_hex(_ID_BYTES), host=member, place=place, job_id=job.id, slots=slots,
        seed=submission.fresh_seed(), due_at=now + VOTE_FOR, duration_s=VOTE_FOR.total_seconds(), created_at=now,
    )  # fmt: skip


async def seen(interaction: Pressed, round_id: str) -> Round:
    """The round of the message that was pressed. Raises `RoundNotFound` to whoever does not see it or its grid."""
    found = await rounds(interaction).get(round_id)
    if interaction.guild_id != found.guild_id:
        raise RoundNotFound(round_id)
    if not found.job_id:
        if interaction.channel_id != found.channel_id:
            raise RoundNotFound(round_id)
        return found
    try:
        await permitted(interaction, found.job_id, Deed.SEE)
    except JobNotFound:
        raise RoundNotFound(round_id) from None
    if found.message_id is None and interaction.message is not None:
        return await rounds(interaction).posted(round_id, interaction.message.id)  # its own answer was lost
    return found


async def _end(interaction: Pressed, current: Round, act: RoundAct) -> str:
    member, service = await member_of(interaction), rounds(interaction)
    end = service.close if act is RoundAct.CLOSE else service.cancel
    await end(current.id, member)
    if member.id != current.host.id:
        subject = f"show {current.id}"
        if current.kind is not RoundKind.SHOW:
            subject = f"vote of <@{current.host.id}> on job {current.job_id}"
        action = "count vote" if act is RoundAct.CLOSE else "cancel vote"
        await interaction.client.services.log.add(entry(interaction, action, subject))
    return "The votes are counted." if act is RoundAct.CLOSE else "The vote is cancelled."


async def check(interaction: Pressed) -> None:
    """Raises `Banned` and `Paused`: neither may vote, nor begin what would cost pictures."""
    services = interaction.client.services
    rules = await services.rules.get(place_of(interaction).rules_id)
    check_ban(rules.bans, interaction.user.id, services.clock())
    check_queue_state(rules.gate, rules.gate_reason)


def rounds(interaction: Pressed) -> RoundService:
    """The round service. Raises `ConfigError` where the bot was built without one."""
    service = interaction.client.services.rounds
    if service is None:
        raise ConfigError("rounds", "this bot was built without rounds")
    return service
