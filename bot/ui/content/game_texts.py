"""Lines that all games say: until when, who joined, the table, and why it ended."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from discord.utils import format_dt

from bot.domain.games.any_game import AnyGame
from bot.domain.games.player import names

_PAST: Mapping[str, str] = MappingProxyType({"Closes": "Closed", "Goes on": "It went on", "Starts": "Closed"})
_DEADLINE = re.compile(rf"({'|'.join(_PAST)}) <t:[0-9]+:R>(?: \([^)\n]*\))?")


def closes(game: AnyGame, verb: str = "Closes") -> str:
    """Until when, and why that is later than it was."""
    if game.is_paused:
        return "⏸️ A moderator has paused the game."
    more = f" ({game.why})" if game.is_extended else ""
    return f"{verb} {format_dt(game.closes_at, 'R')}{more}"


def past(text: str) -> str:
    """A message whose phase is over: its deadline would count on, "Closes 3 days ago"."""
    return _DEADLINE.sub(lambda found: _PAST[found[1]], text)


def before(game: AnyGame) -> str:
    """Why the phase before ended otherwise than it should."""
    return f"{game.why}\n" if game.why and not game.is_extended else ""


def joined(game: AnyGame) -> str:
    """Who is in."""
    return f"Joined ({len(game.players)}): {names([player.id for player in game.players])}"


def table(game: AnyGame) -> str:
    """All players with their points, the most first."""
    ranked = sorted(game.players, key=lambda player: -player.score)
    return "Table: " + ", ".join(f"<@{player.id}> {player.score}" for player in ranked) if ranked else ""


def ended(game: AnyGame, said: str) -> str:
    """That it is over, and why where it did not end by itself."""
    return f"{said}: {game.why}." if game.why else f"{said}."
