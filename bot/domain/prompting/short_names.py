"""Short forms of long names, for Discord's menus, choices and forms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

LIMIT = 90
"""Largest number of characters that fits into the custom id of a form."""
_DIGITS = 16


def short_name(name: str) -> str:
    """Return the name; if it is too long, its beginning and 16 hex digits of its SHA-256."""
    if len(name) <= LIMIT:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGITS]
    return f"{name[: LIMIT - _DIGITS - 1]}…{digest}"


def with_short_name(names: Iterable[str], short: str) -> str | None:
    """Return the name that equals `short` or has this short form, or None."""
    return next((name for name in names if short in (name, short_name(name))), None)
