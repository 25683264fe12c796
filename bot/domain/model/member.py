"""Members and their settings."""

from __future__ import annotations

from typing import Literal

from bot.domain.model.value import Value

Share = Literal["all", "role", "ask", "me"]
"""Who may make something of a picture: everybody, a role's members, whoever its owner lets when asked, nobody else."""

ResultForm = Literal["album", "grid"]
"""How the pictures of one job are shown: every one by itself, to swipe through, or all of them as one picture."""


class Member(Value):
    """The member of an interaction, as Discord describes them."""

    id: int
    name: str
    role_ids: tuple[int, ...] = ()
    guild_id: int | None = None
    """The server to which `role_ids`, `is_moderator` and `manages_server` apply."""
    is_moderator: bool = False
    """Whether the member has Manage Server or one of the configured moderator roles."""
    manages_server: bool = False
    """Whether the member has Discord's permission Manage Server."""
    locale: str = "en-US"


class Preferences(Value):
    """A member's own settings (`/settings`); options of a command and flags of a prompt override them."""

    model: str | None = None
    aspect: tuple[int, int] | None = None
    suffix: str = ""
    """Words and flags that are appended to every prompt."""
    form: str = ""
    """What the member chose last in the form of `/draw`, as flags."""
    sets: tuple[tuple[str, str], ...] = ()
    """The member's option sets: names, and the flags and words for which `--set NAME` stands."""
    remix: bool = False
    """Whether V and 🔄 first open a form for a new prompt."""
    notify: bool = False
    """Whether the bot pings the member when a result is posted."""
    share: Share | None = None
    """Who may derive pictures from this member's pictures; None: what the server says."""
    share_role: int | None = None
    """With `share="role"`: the id of the role whose members may."""
    results: ResultForm | None = None
    """How this member's results are shown; None: as the server says."""
    gallery: bool = False
    """Whether the host's gallery may show this member's pictures, with their prompts and the member's name."""
    show: bool | None = None
    """Whether the server's shows may hang this member's pictures; None: unless `share` is "me"."""
