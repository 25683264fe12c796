"""Where a job is asked for, and how its reply is reached."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import Field

from bot.domain.model.value import Value

DIRECT_MESSAGES: Final = 0
"""Stands for the server id in rules and counters outside servers."""


class Place(Value):
    """The channel in which a job is asked for."""

    guild_id: int | None = None
    channel_id: int
    parent_channel_id: int | None = None
    """For a thread: the id of its channel."""
    age_restricted: bool = False
    open_channel_id: int | None = None
    """The channel, or a thread's channel, if everybody on the server can read it and it is not age-restricted."""
    bot_present: bool = True
    """False when only the member installed the app: then only the interaction token reaches the reply."""
    file_limit_bytes: int = 10 * 1024 * 1024
    """Largest size of one message's file here, in bytes."""
    missing_permissions: tuple[str, ...] = ()

    @property
    def rules_id(self) -> int:
        """Id of the server whose rules apply; `DIRECT_MESSAGES` (the host's rules) where the bot is no member."""
        return self.guild_id or DIRECT_MESSAGES if self.bot_present else DIRECT_MESSAGES


class ReplyTo(Value):
    """How to reach the reply, the one message of a job."""

    channel_id: int
    message_id: int | None = None
    application_id: int = 0
    token: str = Field(default="", repr=False)
    """The interaction token, a secret that is valid until `expires_at`."""
    expires_at: datetime | None = None
    ephemeral: bool = False
    bot_present: bool = True
    file_limit_bytes: int = 10 * 1024 * 1024
    """Largest size of one file in this reply, in bytes."""
    follows: bool = False
    """Whether this reply is a follow-up: the first message of the interaction belongs to another job."""
    open_channel_id: int | None = None
    """`Place.open_channel_id` when the job was asked for."""
    hidden: bool = False
    """Whether nothing of the job is posted by itself: it belongs to a round, which shows its pictures."""
