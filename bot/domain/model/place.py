"""Where it is asked, and where the answer goes."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import Field

from bot.domain.model.value import Value

DIRECT_MESSAGES: Final = 0
"""The number under which rules and counters outside servers are kept."""


class Place(Value):
    """Where it is asked."""

    guild_id: int | None = None
    channel_id: int
    parent_channel_id: int | None = None
    """The channel a thread belongs to."""
    age_restricted: bool = False
    bot_present: bool = True
    """False when the app is only installed by the user: then only the interaction token can reach the reply."""
    file_limit_bytes: int = 10 * 1024 * 1024
    missing_permissions: tuple[str, ...] = ()

    @property
    def rules_id(self) -> int:
        """Whose rules hold: the server's where the bot is a member, the host's elsewhere."""
        return self.guild_id or DIRECT_MESSAGES if self.bot_present else DIRECT_MESSAGES


class ReplyTo(Value):
    """How to reach the one reply message of a job."""

    channel_id: int
    message_id: int | None = None
    application_id: int = 0
    token: str = Field(default="", repr=False)
    """The interaction token; secret, useless after `expires_at`."""
    expires_at: datetime | None = None
    ephemeral: bool = False
    bot_present: bool = True
    file_limit_bytes: int = 10 * 1024 * 1024
    """What one file may weigh in this reply."""
    follows: bool = False
    """It stands behind other replies to the same interaction, whose first message is not this one."""
