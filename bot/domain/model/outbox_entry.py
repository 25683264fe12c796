"""What a reply is still owed."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from typing import Final

from bot.domain.model.value import Value


class OutboxKind(enum.StrEnum):
    """What is owed to a reply."""

    RESULT = "result"
    REVIEW = "review"
    CLOSED = "closed"


LONGEST_DELAY: Final = timedelta(hours=1)
"""No delivery is put off for longer; one that seems to be was written before the clock was set back."""


class OutboxEntry(Value):
    """One delivery still owed."""

    job_id: str
    kind: OutboxKind
    epoch: int
    tries: int = 0
    due_at: datetime
    error: str = ""
    """For `closed`: the error as JSON, see `bot.domain.jobs.error_codec`."""
