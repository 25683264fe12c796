"""The buttons of rounds: "Let the group decide" under grids, and those on ballot papers."""

from __future__ import annotations

import re
import secrets
from typing import Any, Self

import discord
from discord.ui import Button, DynamicItem, View

from bot.commands.moderation.moderator_actions import note
from bot.domain.moderation.access import check_ban, check_gate
from bot.domain.rounds.round import Round, RoundAct
from bot.domain.rounds.round_service import RoundService
from bot.errors import BadOption, ConfigError, RoundOver
from bot.ui.content.custom_ids import ROUND_TEMPLATE, ButtonId, RoundId
from bot.ui.content.round_pages import ballot_paper, ballot_view, confirmation
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.permitted_jobs import shown

VOTE_S = 120.0
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
        """Vote, or end the vote."""
        async with Answer(interaction, ephemeral=True) as answer:
            await _check(interaction)
            if self.round_id.act is RoundAct.CLOSE:
                await _close(interaction, answer, self.round_id.round_id)
                return
            ballot = await rounds(interaction).vote(self.round_id.round_id, interaction.user.id, self.round_id.slot)
            await answer.private(confirmation(ballot))


async def decide(interaction: Pressed, pressed: ButtonId) -> None:
    """Let the group decide: a ballot paper below the grid."""
    async with Answer(interaction) as answer:
        await _check(interaction)
        place = submission.place_of(interaction)
        submission.preflight(place)
        if place.guild_id is None or not place.bot_present:
            raise BadOption("Let the group decide", "a vote needs a server where I am a member")
        job = await shown(interaction, pressed.job_id)
        member, now = await submission.member_of(interaction), interaction.client.parts.clock()
        service = rounds(interaction)
        begun = Round(
            id=secrets.token_hex(_ID_BYTES), host=member, place=place, job_id=job.id, slots=job.spec.count,
            seed=submission.fresh_seed(), due_at=now, duration_s=VOTE_S, created_at=now,
        )  # fmt: skip
        begun = begun.model_copy(update={"due_at": now + begun.duration})
        opened = await service.open(begun)
        if opened.id != begun.id:
            raise RoundOver(opened.guild_id, opened.channel_id, opened.message_id)
        message_id = await answer.public(ballot_paper(opened, job, 0), view=ballot_view(opened))
        if message_id is not None:
            await service.posted(opened, message_id)
            await interaction.client.parts.jobs.posted(job.id, None, place.channel_id, message_id)


async def _close(interaction: Pressed, answer: Answer, round_id: str) -> None:
    member = await submission.member_of(interaction)
    decided = await rounds(interaction).close(round_id, member)
    if member.id != decided.host.id:
        job = await interaction.client.parts.jobs.get(decided.job_id)
        await note(interaction.client, member, job, "end vote")
    await answer.private("The votes are counted.")


async def _check(interaction: Pressed) -> None:
    """Raises `Banned` and `Paused`: neither may vote, nor begin what would cost pictures."""
    parts = interaction.client.parts
    rules = await parts.rules.get(submission.place_of(interaction).rules_id)
    check_ban(rules.bans, interaction.user.id, parts.clock())
    check_gate(rules.gate, rules.gate_reason)


def rounds(interaction: Pressed) -> RoundService:
    """The round service. Raises `ConfigError` where the bot was built without one."""
    service = interaction.client.parts.rounds
    if service is None:
        raise ConfigError("rounds", "this bot was built without rounds")
    return service
