"""Pictures in other people's messages, remembered while somebody fills in a form about them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import discord

_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture in somebody's message."""

    picture: discord.Attachment
    author_id: int
    """Who posted it."""


class SeenPictures:
    """The newest ones, by message: where the bot is no member it cannot read a message again."""

    def __init__(self) -> None:
        self._seen: OrderedDict[int, Seen] = OrderedDict()

    def remember(self, message_id: int, seen: Seen) -> None:
        """Keep it until many newer ones came."""
        self._seen[message_id] = seen
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    def recall(self, message_id: int) -> Seen | None:
        """The picture, or None when it was forgotten or seen by an earlier process."""
        return self._seen.get(message_id)
