"""Errors about votes, shows and games: not found, over, waiting, or under way already."""

from __future__ import annotations

from bot.errors.base import UserError


class RoundNotFound(UserError):
    """There is no such round, or its grid was deleted."""

    def __init__(self, round_id: str) -> None:
        self.round_id = round_id
        super().__init__(f"no round {round_id!r}")


class RoundOver(UserError):
    """The round takes no ballots any more."""

    def __init__(self, guild_id: int, channel_id: int, message_id: int | None) -> None:
        self.guild_id, self.channel_id, self.message_id = guild_id, channel_id, message_id
        super().__init__("the round is over")


class RoundWaits(UserError):
    """The round takes no ballots at the moment."""

    def __init__(self, why: str = "") -> None:
        self.why = why
        super().__init__(why or "the pictures are being drawn")


class NobodyVoted(UserError):
    """There is nothing to count yet."""


class RoundUnderWay(UserError):
    """The grid is voted on already."""

    def __init__(self, guild_id: int, channel_id: int, message_id: int | None) -> None:
        self.guild_id, self.channel_id, self.message_id = guild_id, channel_id, message_id
        super().__init__("the round is under way")


class NotInGame(UserError):
    """This member cannot do that in this game now; `why` is in words for them."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class GameOver(RoundOver):
    """The game is over; its end is in that message."""


class GameUnderWay(RoundUnderWay):
    """This channel plays already; the game is in that message."""
