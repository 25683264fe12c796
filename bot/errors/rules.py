"""Errors about rules: what moderators, quotas or the picture check forbid."""

from __future__ import annotations

from datetime import datetime

from bot.errors.base import UserError


class PromptRejected(UserError):
    """The prompt breaks a rule of this server."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        super().__init__(f"the prompt breaks the rule {rule!r}")


class QuotaExceeded(UserError):
    """The quota is used up."""

    def __init__(self, scope: str, unit: str, used: float, limit: float, needed: float, resets_at: datetime) -> None:
        self.scope, self.unit, self.used, self.limit, self.needed = scope, unit, used, limit, needed
        self.resets_at = resets_at
        super().__init__(f"{used:g} of {limit:g} {unit} used ({scope}), {needed:g} needed")


class TooManyJobs(UserError):
    """Too many jobs of this member are waiting or running."""

    def __init__(self, waiting: int, limit: int) -> None:
        self.waiting, self.limit = waiting, limit
        super().__init__(f"{waiting} of {limit} jobs waiting or running")


class Banned(UserError):
    """This member may not make pictures here for now."""

    def __init__(self, until: datetime | None, reason: str) -> None:
        self.until, self.reason = until, reason
        super().__init__(f"banned until {until or 'further notice'}: {reason}")


class NotAllowedHere(UserError):
    """This channel's rules do not allow it."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class NotPermitted(UserError):
    """This command is for moderators."""

    def __init__(self, required: str) -> None:
        self.required = required
        super().__init__(f"needs {required}")


class Paused(UserError):
    """The moderators paused the queue."""

    def __init__(self, why: str = "") -> None:
        self.why = why
        super().__init__(why or "paused")


class PictureBlocked(UserError):
    """The finished picture may not be shown here."""

    def __init__(self, cells: tuple[int, ...] = ()) -> None:
        self.cells = cells
        super().__init__()


class PictureHidden(UserError):
    """A moderator has hidden the picture, or one it was made from."""

    def __init__(self) -> None:
        super().__init__()
