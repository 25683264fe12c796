"""The hall of fame: the winner of each show, the key of the copy of its picture, and its makers' points."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.domain.model import Value

POINTS, MAKER = 100, 60
"""The points of a winner, and those of its maker; the rest is for the makers of what it was made from."""


class Fame(Value):
    """One row of the table `fame`."""

    round_id: str
    guild_id: int
    channel_id: int
    message_id: int | None
    """The message that told who had won."""
    shown_at: datetime
    member_id: int
    job_id: str
    key: str
    """Where the copy lies in the picture store."""
    prompt: str
    votes: int
    voters: int
    pictures: int
    """How many there were to choose from."""
    credits: tuple[tuple[int, int], ...] = ()
    """Members and their points, most first."""


def key_of(round_id: str) -> str:
    """The picture store's key of the copy of a show's winner."""
    return f"hall/{round_id}.png"


def points(maker_id: int, others: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Member and points, of 100 in all; `others` made the pictures it was made from, the nearest first."""
    if not others:
        return ((maker_id, POINTS),)
    share, rest = divmod(POINTS - MAKER, len(others))
    parts = [(member_id, share + (place < rest)) for place, member_id in enumerate(others)]
    return ((maker_id, MAKER), *(part for part in parts if part[1]))
