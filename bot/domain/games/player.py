"""A member who plays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from bot.domain.model import Member, Value

MOST_MISSES = 2


class Player(Value):
    """Somebody who joined."""

    member: Member
    score: int = 0
    misses: int = 0
    is_out: bool = False
    """Banned, deleted, or asleep too often: plays no more."""

    @property
    def id(self) -> int:
        """The member's id."""
        return self.member.id

    def missed(self) -> Self:
        """Asleep once more; too often is out."""
        misses = self.misses + 1
        return self.model_copy(update={"misses": misses, "is_out": self.is_out or misses >= MOST_MISSES})


def names(members: Sequence[int]) -> str:
    """Members as mentions."""
    return ", ".join(f"<@{member}>" for member in members) or "nobody"
