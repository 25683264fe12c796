"""The kinds of games, and the phases that they go through."""

from __future__ import annotations

import enum


class GameKind(enum.StrEnum):
    """What is played. The values stand in the database: never change one."""

    BLUFF = "bluff"
    TELEPHONE = "telephone"


class Phase(enum.StrEnum):
    """Where a game is. The values stand in the database: never change one."""

    LOBBY = "lobby"
    TELL = "tell"
    """Bluff: the teller writes the secret."""
    DRAW = "draw"
    """Pictures are drawn; nobody can do anything."""
    FAKE = "fake"
    VOTE = "vote"
    REVEAL = "reveal"
    WRITE = "write"
    """Telephone: everybody writes what they see."""
    SHOW = "show"
    """Telephone: one chain after the other is shown."""
    BEST = "best"
    OVER = "over"
