"""Outbox entries: deliveries that are still owed to Discord."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import Final

from bot.domain.model.value import Value


class OutboxKind(enum.StrEnum):
    """What is delivered: a result, the note that it waits for review, or the end without a result."""

    RESULT = "result"
    REVIEW = "review"
    CLOSED = "closed"


LONGEST_DELAY: Final = timedelta(hours=1)
"""Longest delay until the next try. An entry due later was written before the clock was set back."""


class OutboxEntry(Value):
    """One delivery that is still owed."""

    job_id: str
    kind: OutboxKind
    epoch: int
    tries: int = 0
    due_at: datetime
    error: str = ""
    """For `CLOSED`: the error as JSON (`bot.domain.jobs.error_codec`)."""
