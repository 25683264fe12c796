"""Who asks, and what they set for themselves."""

from __future__ import annotations

from typing import Literal

from bot.domain.model.value import Value


class Member(Value):
    """Who asks, as Discord says it in the interaction."""

    id: int
    name: str
    role_ids: tuple[int, ...] = ()
    guild_id: int | None = None
    """The server that the roles and the right are of."""
    is_moderator: bool = False
    """Has Manage Server, or one of the configured moderator roles."""
    manages_server: bool = False
    """Has Manage Server itself, by no role of the bot's."""
    locale: str = "en-US"


class Preferences(Value):
    """What a member set for themselves; an option in the prompt beats it."""

    model: str | None = None
    aspect: tuple[int, int] | None = None
    suffix: str = ""
    """Flags and words put behind every prompt."""
    remix: bool = False
    """V and the reroll button ask for a new prompt first."""
    notify: bool = False
    """Ping when a picture is done."""
    share: Literal["all", "role", "me"] = "all"
    """Who may press buttons on this member's pictures."""
    share_role: int | None = None
    """For "role": the one whose members may."""
