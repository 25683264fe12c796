"""The game that somebody presses, writes or asks in: whether they may, and whether it is there."""

from __future__ import annotations

from bot.domain.games.any_game import AnyGame
from bot.domain.games.game_service import GameService
from bot.domain.model import Member
from bot.errors import ConfigError, NotInGame, RoundNotFound
from bot.ui.interactions.answer import Pressed
from bot.ui.interactions.asker import member_of, place_of


async def checked(interaction: Pressed) -> Member:
    """Whoever presses. Raises what keeps a member out of here: bans, pauses and channel rules."""
    member = await member_of(interaction)
    await interaction.client.services.job_service.check_entry(member, place_of(interaction))
    return member


async def here(interaction: Pressed, game_id: str) -> AnyGame:
    """A game under way in this channel. Raises `RoundNotFound` and `GameOver`."""
    found = await games(interaction).get(game_id)
    if (interaction.guild_id, interaction.channel_id) != (found.guild_id, found.channel_id):
        raise RoundNotFound(game_id)
    return found


def games(interaction: Pressed) -> GameService:
    """The game service. Raises `ConfigError` where the bot was built without one."""
    service = interaction.client.services.games
    if service is None:
        raise ConfigError("games", "this bot was built without games")
    return service


def stage_of(about: str) -> tuple[str, int]:
    """The game and the stage that a form was opened in. Raises `NotInGame`."""
    game_id, _, stage = about.partition(".")
    if not stage.isdecimal():
        raise NotInGame("The game has moved on.")
    return game_id, int(stage)
