"""The menu of Bluff to guess with."""

from __future__ import annotations

import re
from typing import Any, Self

import discord
from discord.ui import DynamicItem, Select, View

from bot.commands.buttons.game_access import checked, games, here
from bot.domain.games.bluff import Bluff
from bot.domain.games.phases import Phase
from bot.ui.content.custom_ids import GUESS_TEMPLATE
from bot.ui.interactions.answer import Answer


class GuessMenu(DynamicItem[Select[View]], template=GUESS_TEMPLATE):
    """The menu to guess with."""

    def __init__(self, game_id: str, stage: int) -> None:
        super().__init__(Select(custom_id=f"dr-guess:{game_id}:{stage}"))
        self.game_id, self.stage = game_id, stage

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the menu; what was chosen stands in the interaction."""
        return cls(match["game"], int(match["stage"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Take the guess."""
        place = int(self.item.values[0]) if self.item.values and self.item.values[0].isdecimal() else -1
        async with Answer(interaction, ephemeral=True) as answer:
            member = await checked(interaction)
            await here(interaction, self.game_id)
            now = interaction.client.services.clock()

            def move(game: Bluff) -> Bluff:
                game.require(Phase.VOTE, self.stage)
                return game.voted(member.id, place, now)

            await games(interaction).move(Bluff, self.game_id, move)
            await answer.private(f"Your guess: **{place + 1}**. Choose again to change it.")
