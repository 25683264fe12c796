"""What is written into the forms of games: checked by the server's rules before anybody can see it."""

from __future__ import annotations

from bot.commands.buttons.game_access import checked, games, here, stage_of
from bot.domain.games.bluff import Bluff
from bot.domain.games.game_service import line
from bot.domain.games.phases import Phase
from bot.domain.games.telephone import Telephone
from bot.ui.content.modals import Filled
from bot.ui.content.texts import echo
from bot.ui.interactions.answer import Answer, Pressed
from bot.ui.interactions.asker import place_of

_ECHO = 300


async def told(interaction: Pressed, about: str, filled: Filled) -> None:
    """The teller's secret."""
    async with Answer(interaction, ephemeral=True) as answer:
        game_id, stage, text = await _read(interaction, about, filled)
        now = interaction.client.services.clock()

        def move(game: Bluff) -> Bluff:
            game.require(Phase.TELL, stage)
            return game.told(interaction.user.id, text, now)

        await games(interaction).move(Bluff, game_id, move)
        await answer.private(f"Your secret: **{echo(text, _ECHO)}**. Tell nobody.")


async def faked(interaction: Pressed, about: str, filled: Filled) -> None:
    """A fake."""
    async with Answer(interaction, ephemeral=True) as answer:
        game_id, stage, text = await _read(interaction, about, filled)
        await games(interaction).fake(game_id, stage, interaction.user.id, text)
        await answer.private(f"Your fake: **{echo(text, _ECHO)}**. Press the button again to write another.")


async def wrote(interaction: Pressed, about: str, filled: Filled) -> None:
    """A line of a chain."""
    async with Answer(interaction, ephemeral=True) as answer:
        game_id, stage, text = await _read(interaction, about, filled)
        now = interaction.client.services.clock()

        def move(game: Telephone) -> Telephone:
            game.require(Phase.WRITE, stage)
            return game.wrote(interaction.user.id, text, now)

        game = await games(interaction).move(Telephone, game_id, move)
        what = "line" if game.shape is None else "band"
        await answer.private(f"Your {what}: **{echo(text, _ECHO)}**. Press **My turn** again to write another.")


async def _read(interaction: Pressed, about: str, filled: Filled) -> tuple[str, int, str]:
    """The game, its stage, and the line. Raises what rules refuse, `NotInGame`, `RoundNotFound` and `GameOver`."""
    game_id, stage = stage_of(about)
    member, text = await checked(interaction), line(filled.prompt)
    await here(interaction, game_id)
    await interaction.client.services.job_service.check_words(member, place_of(interaction), text)
    return game_id, stage, text
