"""A promise: "thinking…" was shown to a member, and an answer must follow, whatever happens to this process."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from bot.domain.model import Value

Payload = dict[str, Any]
"""An interaction as Discord sent it."""


class PendingAnswer(Value):
    """How the answer is reached until the token expires, and what was asked."""

    interaction_id: int
    application_id: int
    token: str
    expires_at: datetime
    payload: Payload | None = None
    """The whole interaction without its token; None where it is not known any more."""
    is_private: bool = False
    """Nobody else sees that something was asked."""
    goes_on: bool = False
    """The first word is not the last: more is begun after it."""
    tries: int = 0
    """How often a later process has taken it up."""

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
    """Where they are written down."""

    async def made(self, pending_answer: PendingAnswer) -> None:
        """Before the member sees it; again with what has changed. Raises `StoreError`."""
        ...

    async def kept(self, interaction_id: int) -> None:
        """The answer was given: nothing of it is kept. Raises `StoreError`."""
        ...

    async def broken(self) -> list[PendingAnswer]:
        """At a start: those of an earlier process that no job will keep, the oldest first. Raises `StoreError`."""
        ...

    async def forget(self, member_id: int, but: int) -> None:
        """Keep nothing of what a member asked, but that one interaction. Raises `StoreError`."""
        ...

    def of_member(self, member_id: int) -> list[PendingAnswer]:
        """What is kept of a member's open questions."""
        ...
