"""Errors about what a member wrote or uploaded, about asking twice, and about asking while the bot stops."""

from __future__ import annotations

from bot.errors.base import UserError


class BadOption(UserError):
    """A flag or option is wrong."""

    def __init__(self, word: str, hint: str) -> None:
        self.word, self.hint = word, hint
        super().__init__(f"{word}: {hint}")


class BadPicture(UserError):
    """The picture cannot be used."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class NoProposal(UserError):
    """No richer words could be proposed."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class AlreadyAsked(UserError):
    """The same interaction has made a job already."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"already job {job_id!r}")


class Restarting(UserError):
    """The bot is stopping; its next start answers what was acknowledged."""

    def __init__(self) -> None:
        super().__init__("restarting")
