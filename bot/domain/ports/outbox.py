"""What is still owed to replies."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from bot.domain.model import OutboxEntry


class Outbox(Protocol):
    """Deliveries that are still owed, so that none is forgotten by a crash. Written by `Jobs`, in its transactions."""

    async def due(self, now: datetime, *, besides: Collection[str] = (), limit: int = 50) -> list[OutboxEntry]:
        """What may be tried now, oldest first, not looking at these jobs; also what a clock since set back put off."""
        ...

    async def next_at(self, *, besides: Collection[str] = ()) -> datetime | None:
        """When the next one is due, not looking at these jobs."""
        ...

    async def owes(self, job_id: str) -> bool:
        """Whether this job's reply is still owed something."""
        ...

    async def later(self, entry: OutboxEntry, at: datetime, why: str) -> None:
        """Try again then."""
        ...

    async def done(self, entry: OutboxEntry) -> None:
        """Nothing is owed any more."""
        ...
