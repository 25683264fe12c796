"""The roots of the tree of errors, and the error of a wrong configuration."""

from __future__ import annotations


class BotError(Exception):
    """Darkroom could not do what was asked."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class UserError(BotError):
    """The request cannot be done as asked."""


class ConfigError(BotError):
    """The configuration is wrong."""

    def __init__(self, key: str, why: str) -> None:
        self.key, self.why = key, why
        super().__init__(f"{key}: {why}")
