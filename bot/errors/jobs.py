"""Errors about jobs and pictures that do not exist, belong to somebody else, or are given up."""

from __future__ import annotations

from bot.errors.base import UserError


class JobNotFound(UserError):
    """There is no such job, or the member may not know of it."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"no job {job_id!r}")


class CellNotFound(UserError):
    """The job has no such picture."""

    def __init__(self, job_id: str, cell: int) -> None:
        self.job_id, self.cell = job_id, cell
        super().__init__(f"job {job_id!r} has no picture {cell + 1}")


class InterruptedTooOften(UserError):
    """The bot was ended `attempts` times while this was drawn; it is not begun again."""

    def __init__(self, attempts: int) -> None:
        self.attempts = attempts
        super().__init__(f"interrupted {attempts} times")


class NotYours(UserError):
    """The owner's settings do not allow this member to derive from the picture."""

    def __init__(self, owner_id: int) -> None:
        self.owner_id = owner_id
        super().__init__(f"the job belongs to member {owner_id}")


class OwnerAsked(NotYours):
    """The owner is asked; when they say yes, what was asked for is made."""

    def __init__(self, owner_id: int, is_new: bool) -> None:
        self.is_new = is_new
        super().__init__(owner_id)


class OwnersOnly(NotYours):
    """Only the owner and the moderators of its server may stop or delete a job, or lead a vote or a game."""


class AskersOnly(NotYours):
    """Only whoever asked for a permutation may start its jobs."""


class MakersOnly(NotYours):
    """Only the owner of a picture says who may make something of it."""
