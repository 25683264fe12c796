"""Emojis and stickers of a server: their sizes, their names, and how many of them a server may have."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from types import MappingProxyType

from bot.domain.model.value import Value
from bot.errors import BadOption, ExpressionsFull

_NOT_IN_EMOJI = re.compile(r"[^0-9A-Za-z_]+")
_SHORTEST = 2
_WORDS = 3
"""Words of a prompt from which a name is proposed."""


class ExpressionKind(enum.StrEnum):
    """What a picture becomes. The values stand in forms that are open while the bot restarts."""

    EMOJI = "emoji"
    STICKER = "sticker"


SIDES: Mapping[ExpressionKind, int] = MappingProxyType({ExpressionKind.EMOJI: 128, ExpressionKind.STICKER: 320})
"""Width and height in pixels."""
MOST_BYTES: Mapping[ExpressionKind, int] = MappingProxyType(
    {ExpressionKind.EMOJI: 256 * 1024, ExpressionKind.STICKER: 512 * 1024}
)
LONGEST_NAME: Mapping[ExpressionKind, int] = MappingProxyType({ExpressionKind.EMOJI: 32, ExpressionKind.STICKER: 30})
"""In characters."""
LIMITS: Mapping[ExpressionKind, tuple[int, ...]] = MappingProxyType(
    {ExpressionKind.EMOJI: (50, 100, 150, 250), ExpressionKind.STICKER: (5, 15, 30, 60)}
)
"""How many a server may have, by boost level from 0 to 3."""


class Slots(Value):
    """How many of one kind a server has, and how many it may have."""

    kind: ExpressionKind
    used: int
    limit: int
    level: int = 0
    """The server's boost level."""

    @property
    def is_full(self) -> bool:
        """Whether no more can be added."""
        return self.used >= self.limit

    def require_free(self) -> None:
        """Raise `ExpressionsFull` where no more can be added."""
        if self.is_full:
            raise self.full()

    def full(self) -> ExpressionsFull:
        """What to say where no more can be added."""
        higher = [(level, limit) for level, limit in enumerate(LIMITS[self.kind]) if limit > self.limit]
        level, more = higher[0] if higher else (0, 0)
        return ExpressionsFull(self.kind.value, self.limit, level, more)


def expression_name(kind: ExpressionKind, typed: str) -> str:
    """The name as Discord takes it. Raises `BadOption`."""
    name = " ".join(typed.split())
    if kind is ExpressionKind.EMOJI:
        name = name.strip(":").replace(" ", "_").replace("-", "_")
        if _NOT_IN_EMOJI.search(name):
            raise BadOption("name", "an emoji's name has only the letters A to Z, digits and underscores")
    if not _SHORTEST <= len(name) <= LONGEST_NAME[kind]:
        raise BadOption("name", f"the name of this {kind} needs {_SHORTEST} to {LONGEST_NAME[kind]} characters")
    return name


def proposed_name(prompt: str) -> str:
    """A name made from the first words of a prompt, right for an emoji; "" where there are none."""
    words = [word for word in _NOT_IN_EMOJI.split(prompt.lower()) if word and word not in ("a", "an", "the", "of")]
    name = "_".join(words[:_WORDS])[: LONGEST_NAME[ExpressionKind.STICKER]].strip("_")
    return name if len(name) >= _SHORTEST else ""
