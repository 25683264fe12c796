"""`/bluff` and `/telephone`: games with hidden words that a channel plays together."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any, Literal

from discord import app_commands
from discord.app_commands import Range, locale_str
from discord.ext import commands

from bot.commands.buttons.game_access import checked, games
from bot.domain.games.bluff import Bluff
from bot.domain.games.corpse import Shape
from bot.domain.games.game import LOBBY_S, MOST_PLAYERS
from bot.domain.games.player import Player
from bot.domain.games.telephone import Telephone
from bot.domain.games.tempo import LIVE, SLOW
from bot.errors import BadOption
from bot.ui.interactions import submission
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import place_of
from bot.ui.interactions.contexts import servers_only

_ID_BYTES = 8


class Games(commands.Cog):
    """Lobbies; the buttons do the rest."""

    @app_commands.command(name="bluff", description=locale_str("Guess the secret prompt of a picture together"))
    @app_commands.describe(turns=locale_str("How many secrets; without it one for each player"))
    @servers_only
    async def bluff(self, interaction: Pressed, turns: Range[int, 1, 12] | None = None) -> None:
        """Open a lobby."""
        async with Answer(interaction, ephemeral=True) as answer:
            await games(interaction).open(Bluff(turns=turns, **await _begun(interaction)))
            await answer.private("The lobby is open, and you are in. It starts when you press **Start**.")

    @app_commands.command(name="telephone", description=locale_str("Pass pictures on, and see what goes wrong"))
    @app_commands.describe(
        mode=locale_str("A minute for each turn, or a day"),
        steps=locale_str("How many lines each chain gets; without it one from each player"),
        corpse=locale_str("Draw one picture together, band by band: each sees only the edge before"),
    )
    @servers_only
    async def telephone(
        self,
        interaction: Pressed,
        mode: Literal["live", "slow"] = "live",
        steps: Range[int, 2, MOST_PLAYERS] | None = None,
        corpse: Literal["tall", "wide"] | None = None,
    ) -> None:
        """Open a lobby."""
        async with Answer(interaction, ephemeral=True) as answer:
            is_slow, shape = mode == "slow", None if corpse is None else Shape(corpse)
            begun = await _begun(interaction, (SLOW if is_slow else LIVE).lobby_s)
            await games(interaction).open(Telephone(is_slow=is_slow, steps=steps, shape=shape, **begun))
            await answer.private("The lobby is open, and you are in. It starts when you press **Start**.")


async def _begun(interaction: Pressed, lobby_s: float = LOBBY_S) -> dict[str, Any]:
    """A game of whoever asks, in this channel, with them in it."""
    member = await checked(interaction)
    place = place_of(interaction)
    submission.preflight(place)
    if place.guild_id is None or not place.bot_present:
        raise BadOption("game", "a game needs a server where I am a member")
    now = interaction.client.services.clock()
    return {
        "id": secrets.token_hex(_ID_BYTES), "host": member, "place": place, "players": (Player(member=member),),
        "seed": submission.fresh_seed(), "closes_at": now + timedelta(seconds=lobby_s), "length_s": lobby_s,
        "created_at": now,
    }  # fmt: skip
