"""What the moderators' log says."""

from __future__ import annotations

from datetime import datetime

from bot.domain.model import Value


class AuditEntry(Value):
    """Who did what to whom, why and when; `done` is False for a try that was refused."""

    at: datetime
    guild_id: int
    actor_id: int
    action: str
    subject: str = ""
    reason: str = ""
    done: bool = True
    interaction_id: int | None = None
    """What asked for it: the same thing asked for by the same interaction again, after a crash, is not done again."""
