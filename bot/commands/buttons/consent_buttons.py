"""What owners press: their answer to whoever asks, and who may make something of one picture."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bot.commands.buttons.round_buttons import check, seen
from bot.domain.model import Share
from bot.domain.moderation.job_access import Deed
from bot.domain.rounds.round import RoundAct
from bot.errors import MakersOnly
from bot.ui.content.custom_ids import Act, ButtonId, RoundId
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import member_of
from bot.ui.interactions.permitted_jobs import permitted
from bot.ui.interactions.playing import consent_requests

SHARES: Mapping[Act, Share | None] = MappingProxyType(
    {Act.LET_ALL: "all", Act.LET_ASK: "ask", Act.LET_NOBODY: "me", Act.LET_SAME: None}
)
_SAID: Mapping[Share | None, str] = {
    "all": "Everybody may make something of this one.",
    "ask": "Whoever wants to make something of this one asks you first.",
    "me": "Nobody but you makes anything of this one.",
    None: "This one is as all your pictures are: see `/privacy consent`.",
}
_ANSWERED: Mapping[str, str] = {
    RoundAct.ONCE: "Thank you: it is made now, this once.",
    RoundAct.ALWAYS: "Thank you: they need not ask again. `/privacy consent` takes that back.",
    RoundAct.NO: "Good: nothing is made, and they do not ask you again today.",
}


async def answer(interaction: Pressed, pressed: RoundId) -> None:
    """Take an owner's answer."""
    async with Answer(interaction, ephemeral=True) as answered:
        await check(interaction)
        current = await seen(interaction, pressed.round_id)
        by = await member_of(interaction)
        entry = await consent_requests(interaction).answer(current.id, by, pressed.act)
        await answered.private(_ANSWERED[entry.text])


async def let(interaction: Pressed, pressed: ButtonId) -> None:
    """Set who may."""
    async with Answer(interaction, ephemeral=True) as answered:
        job = await permitted(interaction, pressed.job_id, Deed.SEE)
        if job.member_id != interaction.user.id:
            raise MakersOnly(job.member_id)
        share = SHARES[pressed.act]
        await interaction.client.services.jobs.share(pressed.job_id, share)
        await answered.private(f"✅ {_SAID[share]} What was made before stays.")
