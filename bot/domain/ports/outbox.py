"""The outbox: deliveries to Discord that are not done yet."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple, Protocol

from bot.domain.model import OutboxEntry


class Look(NamedTuple):
    """What is owed: the entries that are due, oldest first, and when the next one is; None where none was seen."""

    due: list[OutboxEntry]
    next_at: datetime | None


class Outbox(Protocol):
    """Deliveries that are not done yet; a crash loses none. `Jobs` adds entries in its own transactions."""

    async def look(self, now: datetime, *, besides: Collection[str] = (), limit: int = 50) -> Look:
        """What is owed without the jobs in `besides`, at most `limit` of it; a clock that was set back hides none."""
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
