"""Errors of the bot's own work: deliveries to Discord, the database, backups."""

from __future__ import annotations

from bot.errors.base import BotError


class DeliveryError(BotError):
    """A delivery to Discord failed."""


class ReplyGone(DeliveryError):
    """The reply was deleted or can no longer be reached."""

    def __init__(self, job_id: str, why: str = "") -> None:
        self.job_id, self.why = job_id, why
        super().__init__(f"job {job_id}: {why or 'reply gone'}")


class DeliveryLater(DeliveryError):
    """Discord does not accept the message now."""

    def __init__(self, retry_after_s: float, why: str = "") -> None:
        self.retry_after_s, self.why = retry_after_s, why
        super().__init__(why or f"try again in {retry_after_s:g} s")


class StoreError(BotError):
    """The database or the picture store failed."""


class DiskFull(StoreError):
    """The disk of the database or of the pictures is full."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"{what} failed: no space left on its disk")


def unexplained(error: BaseException) -> BaseException | None:
    """The error, for a log entry's traceback; None where its text says everything."""
    return None if isinstance(error, DiskFull) else error


class Fenced(StoreError):
    """An older epoch of this job tried to write."""

    def __init__(self, job_id: str, epoch: int) -> None:
        self.job_id, self.epoch = job_id, epoch
        super().__init__(f"job {job_id}, epoch {epoch}")


class MigrationFailed(StoreError):
    """The database could not be migrated to this version."""

    def __init__(self, version: str, why: str) -> None:
        self.version, self.why = version, why
        super().__init__(f"{version}: {why}")


class BackupUnusable(StoreError):
    """The backup could not be written, or cannot be restored."""

    def __init__(self, file: str, why: str) -> None:
        self.file, self.why = file, why
        super().__init__(f"{file}: {why}")
