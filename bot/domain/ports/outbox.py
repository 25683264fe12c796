"""The outbox: deliveries to Discord that are not done yet."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from bot.domain.model import OutboxEntry


class Outbox(Protocol):
    """Deliveries that are not done yet; a crash loses none. `Jobs` adds entries in its own transactions."""

    async def due(self, now: datetime, *, besides: Collection[str] = (), limit: int = 50) -> list[OutboxEntry]:
        """Entries that are due, oldest first, without the jobs in `besides`; a clock that was set back hides none."""
        ...

    async def next_at(self, *, besides: Collection[str] = ()) -> datetime | None:
        """When the next entry is due, without the jobs in `besides`; None when there is none."""
        ...

    async def owes(self, job_id: str) -> bool:
        """Whether there is an entry for this job."""
        ...

    async def later(self, entry: OutboxEntry, at: datetime, why: str) -> None:
        """Put an entry off until `at`, and count the try."""
        ...

    async def done(self, entry: OutboxEntry) -> None:
        """Delete an entry: it was delivered or given up."""
        ...
