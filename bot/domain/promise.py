"""A promise: "thinking…" was shown to a member, and an answer must follow, whatever happens to this process."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from bot.domain.model import Value


class Promise(Value):
    """How the answer is reached, until the token expires."""

    interaction_id: int
    application_id: int
    token: str
    expires_at: datetime


class Promises(Protocol):
    """Where they are written down."""

    async def made(self, promise: Promise) -> None:
        """Before the member sees it. Raises `StoreError`."""
        ...

    async def kept(self, interaction_id: int) -> None:
        """The answer was given."""
        ...

    async def broken(self) -> list[Promise]:
        """At a start: those of an earlier process that no job will keep."""
        ...
