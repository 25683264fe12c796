"""Errors about Discord's limits: permissions, file sizes, slots for emojis and stickers."""

from __future__ import annotations

from bot.errors.base import UserError


class MissingPermissions(UserError):
    """The bot lacks permissions in this channel."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(f"missing permissions: {', '.join(names)}")


class FileLimitTooSmall(UserError):
    """The pictures exceed the file size limit of this place."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(f"the file size limit here is {limit_bytes} bytes")


class ExpressionsFull(UserError):
    """The server has all emojis or stickers that it may have; `more` of them (0: never) from boost level `level`."""

    def __init__(self, kind: str, limit: int, level: int, more: int) -> None:
        self.kind, self.limit, self.level, self.more = kind, limit, level, more
        super().__init__(f"all {limit} {kind}s are used")


class ExpressionRefused(UserError):
    """Discord does not take this emoji or sticker."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)
