"""A pending answer: Discord shows "thinking…" to a member, and an answer must follow, even after a crash."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from bot.domain.model import Value

Payload = dict[str, Any]
"""An interaction as Discord sent it."""


class PendingAnswer(Value):
    """An interaction without an answer: its token, valid until it expires, and what was asked."""

    interaction_id: int
    application_id: int
    token: str
    expires_at: datetime
    payload: Payload | None = None
    """The whole interaction without its token; None where it is not known any more."""
    is_private: bool = False
    """Nobody else sees that something was asked."""
    goes_on: bool = False
    """The command begins more after its first response."""
    tries: int = 0
    """How many later processes have taken it up."""

    @property
    def member_id(self) -> int | None:
        """Who asked."""
        payload = self.payload or {}
        user = payload.get("user") or payload.get("member", {}).get("user")
        return int(user["id"]) if user else None

    @property
    def channel_id(self) -> int | None:
        """Where it was asked."""
        return self._id_of("channel_id")

    @property
    def guild_id(self) -> int | None:
        """On which server it was asked; None in a direct message."""
        return self._id_of("guild_id")

    def _id_of(self, name: str) -> int | None:
        found = (self.payload or {}).get(name)
        return int(found) if found else None


class PendingAnswers(Protocol):
    """Keeps pending answers beyond the life of a process. Every method raises `StoreError`."""

    async def store(self, pending_answer: PendingAnswer) -> None:
        """Store a pending answer before the member sees "thinking…", or store it again with its changes."""
        ...

    async def delete(self, interaction_id: int) -> None:
        """The answer was given: delete everything about it."""
        ...

    async def unanswered(self) -> list[PendingAnswer]:
        """Pending answers of processes that are gone, which no job will give, oldest first."""
        ...

    async def forget(self, member_id: int, but: int) -> None:
        """Delete a member's pending answers, except for one interaction."""
        ...

    async def of_member(self, member_id: int) -> Sequence[PendingAnswer]:
        """The pending answers of a member."""
        ...
