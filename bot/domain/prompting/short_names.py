"""Names of any length where Discord takes only short ones: in menus, choices and forms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

LIMIT = 90
"""Characters: what fits into a form's id behind its kind."""
_DIGITS = 16


def short_name(name: str) -> str:
    """The name itself, or where it is too long its beginning and a part of its sha256."""
    if len(name) <= LIMIT:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGITS]
    return f"{name[: LIMIT - _DIGITS - 1]}…{digest}"


def with_short_name(names: Iterable[str], short: str) -> str | None:
    """Which of the names is meant by itself or by its short form, or None."""
    return next((name for name in names if short in (name, short_name(name))), None)
