"""`/mod game`: a moderator holds, goes on with, cleans or ends what a channel plays; all of it is in the log."""

from __future__ import annotations

from typing import Any, Literal

from bot.commands.moderation.moderator_actions import entry, moderator
from bot.errors import BadOption, ConfigError
from bot.ui.interactions.answer import Answer, Pressed

_SAID = {"pause": "is paused", "resume": "goes on", "void": "has one entry less", "stop": "is stopped"}


Action = Literal["pause", "resume", "void", "stop"]


async def moderate(interaction: Pressed, action: Action, number: int | None, reason: str) -> None:
    """Moderate the game of this channel."""
    async with Answer(interaction, ephemeral=True) as answer:
        await moderator(interaction, f"{action} game")
        services = interaction.client.services
        if services.games is None:
            raise ConfigError("games", "this bot was built without games")
        if action == "void" and number is None:
            raise BadOption("number", "say which line or chain to take away")
        game, now = await services.games.in_channel(interaction.channel_id or 0), services.clock()

        def move(current: Any) -> Any:
            match action:
                case "pause":
                    return current.paused(now)
                case "resume":
                    return current.resumed(now)
                case "void":
                    return current.voided(number, now)
                case "stop":
                    return current.stopped("a moderator stopped it", now)

        await services.games.move(type(game), game.id, move)
        subject = f"{game.kind.value} of <@{game.host.id}>" + (f", number {number}" if action == "void" else "")
        await services.log.add(entry(interaction, f"{action} game", subject, reason))
        await answer.private(f"The game {_SAID[action]}.")
