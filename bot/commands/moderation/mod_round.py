"""`/mod round`: pause a vote, let it go on, end it, take out one ballot or one entry; by the link of its message."""

from __future__ import annotations

import re

import discord
from discord import app_commands
from discord.app_commands import Range, locale_str

from bot.commands.moderation.moderator_actions import entry, guild_id, moderator
from bot.domain.rounds.entry import EntryRole
from bot.domain.rounds.round import Round, RoundKind
from bot.errors import BadOption
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.playing import interventions

_LINK = re.compile(r"(?:https?://\S*/)?(?P<message>[0-9]{15,20})/?")
_LETTERS = "ABCDEFGHIJ"


class ModRound(app_commands.Group):
    """Votes and games of members; everything is in the log."""

    def __init__(self) -> None:
        super().__init__(name="round", description=locale_str("Votes and games that are under way"))

    @app_commands.command(name="pause", description=locale_str("Take no votes for now"))
    @app_commands.describe(message=locale_str("Link or id of the message with the buttons"))
    async def pause(self, interaction: Pressed, message: Range[str, 15, 200]) -> None:
        """Pause it, a week at most."""
        async with Answer(interaction, ephemeral=True) as answer:
            found = await _found(interaction, "round pause", message)
            await interventions(interaction).pause(found)
            await _log(interaction, "round pause", found)
            await answer.private("⏸️ It is paused; `/mod round resume` lets it go on.")

    @app_commands.command(name="resume", description=locale_str("Take votes again, for the whole time"))
    @app_commands.describe(message=locale_str("Link or id of the message with the buttons"))
    async def resume(self, interaction: Pressed, message: Range[str, 15, 200]) -> None:
        """Let it go on."""
        async with Answer(interaction, ephemeral=True) as answer:
            found = await _found(interaction, "round resume", message)
            await interventions(interaction).resume(found)
            await _log(interaction, "round resume", found)
            await answer.private("▶️ It goes on.")

    @app_commands.command(name="ballot", description=locale_str("Take out what a member voted in this round"))
    @app_commands.describe(
        message=locale_str("Link or id of the message with the buttons"), member=locale_str("Whose votes")
    )
    async def ballot(self, interaction: Pressed, message: Range[str, 15, 200], member: discord.User) -> None:
        """Void one ballot."""
        async with Answer(interaction, ephemeral=True) as answer:
            found = await _found(interaction, "round ballot", message)
            await interventions(interaction).void_ballot(found, member.id)
            await _log(interaction, "round ballot", found, f"ballot of <@{member.id}>, ")
            await answer.private(f"✅ The votes of {member.mention} in this round are taken out.")

    @app_commands.command(name="entry", description=locale_str("Take out a picture, or a member's wild card"))
    @app_commands.describe(
        message=locale_str("Link or id of the message with the buttons"),
        letter=locale_str("Which picture"),
        member=locale_str("Whose wild card"),
    )
    async def entry(
        self,
        interaction: Pressed,
        message: Range[str, 15, 200],
        letter: Range[str, 1, 1] | None = None,
        member: discord.User | None = None,
    ) -> None:
        """Void one entry."""
        async with Answer(interaction, ephemeral=True) as answer:
            found = await _found(interaction, "round entry", message)
            if letter is not None and member is None:
                subject = f"picture {letter.upper()}, "
                await interventions(interaction).void_entry(found, EntryRole.CHOICE, _LETTERS.find(letter.upper()))
            elif member is not None and letter is None:
                subject = f"wild card of <@{member.id}>, "
                await interventions(interaction).void_lines(found, member.id)
            else:
                raise BadOption("letter", "either a picture's letter, or the member whose wild card it is")
            await _log(interaction, "round entry", found, subject)
            await answer.private("✅ It is taken out.")


async def _found(interaction: Pressed, action: str, message: str) -> Round:
    await moderator(interaction, action)
    link = _LINK.fullmatch(message.strip())
    if link is None:
        raise BadOption("message", "the link of the message with the vote's buttons (Copy Message Link)")
    return await interventions(interaction).find(guild_id(interaction), int(link["message"]))


async def _log(interaction: Pressed, action: str, found: Round, what: str = "") -> None:
    whose = f"show {found.id}" if found.kind is RoundKind.SHOW else f"round {found.id} of <@{found.host.id}>"
    subject = f"{what}{whose}"
    await interaction.client.services.log.add(entry(interaction, action, subject))
