"""The replies of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.domain.model import Cell, Job
from engine import Event


@dataclass(frozen=True, slots=True)
class PutOff:
    """The database or the picture store failed: the job waits and is tried again by itself."""

    is_full: bool
    """The reason is a full disk."""


Shown = Event | PutOff
"""What a reply shows while its job lives."""


class Replies(Protocol):
    """Shows each job in its one reply message."""

    def show(self, job: Job, event: Shown) -> None:
        """Show an event as soon as rate limits allow; a newer one replaces it. Never blocks or raises."""
        ...

    async def deliver(self, job: Job, cells: Sequence[Cell]) -> int | None:
        """Turn the reply into the result; idempotent. Returns the message id.

        Raises `ReplyGone` when nothing can ever be shown there, `DeliveryLater` when it should be tried again, and
        another `DeliveryError` when Discord refuses this very message.
        """
        ...

    async def notify(self, job: Job, message_id: int) -> None:
        """Ping the member: called at most once in a job's life, after its delivery was written down. Never raises."""
        ...

    async def review(self, job: Job, cells: Sequence[Cell]) -> None:
        """Say in the reply that a moderator looks first, and ask them in the review channel. Raises as `deliver`."""
        ...

    async def closed(self, job: Job, error: Exception) -> None:
        """Say in the reply that the job failed or was cancelled, and what to do. Raises as `deliver`."""
        ...
