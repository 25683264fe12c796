"""`AuditEntry`: one entry of the audit log."""

from __future__ import annotations

from datetime import datetime

from bot.domain.model import Value


class AuditEntry(Value):
    """An action of a moderator; `done` is False for an attempt that was refused."""

    at: datetime
    guild_id: int
    actor_id: int
    action: str
    subject: str = ""
    reason: str = ""
    done: bool = True
    interaction_id: int | None = None
    """The interaction of the action. An interaction that is repeated after a crash does not repeat its action."""
