"""Turns errors of the database, the folder and the bucket into `StoreError`s; a full disk is told apart."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from obstore.exceptions import BaseError

from bot.errors import DiskFull, StoreError

_NUMBERS = frozenset({errno.ENOSPC, errno.EDQUOT})
_SQLITE, _POSTGRES = "SQLITE_FULL", "53100"
_OBSTORE = tuple(f"(os error {number})" for number in sorted(_NUMBERS))
"""obstore has no class for it, only this text."""


def store_error(what: str, error: Exception) -> StoreError:
    """Our error for one of a store; `what` names the store for the operator."""
    if any(_is_full(each) for each in _chain(error)):
        return DiskFull(what)
    return StoreError(f"{what} failed ({type(error).__name__})")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = getattr(error, "orig", None) or error.__cause__


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _NUMBERS:
        return True
    if getattr(error, "sqlite_errorname", "") == _SQLITE or getattr(error, "sqlstate", "") == _POSTGRES:
        return True
    return isinstance(error, BaseError) and any(text in str(error) for text in _OBSTORE)
