"""Who is signed in. Sessions live in memory: a restart ends them, and signing out really ends one."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

T = TypeVar("T")


class Tickets(Generic[T]):
    """Random tokens that stand for a value until they expire; only their SHA-256 is kept.

    At most `most` at a time: a new one replaces the oldest.
    """

    def __init__(self, life: timedelta, most: int, clock: Callable[[], datetime]) -> None:
        self._life, self._most, self._clock = life, most, clock
        self._known: dict[bytes, tuple[datetime, T]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def issue(self, value: T) -> str:
        """Return a new token for a value."""
        token = secrets.token_urlsafe(32)
        while len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
        self._known[_digest(token)] = self._clock() + self._life, value
        return token

    def look(self, token: str) -> T | None:
        """Return the value of a token; None for one that is unknown or expired."""
        until, value = self._known.get(_digest(token), (None, None))
        return value if until is not None and self._clock() < until else None

    def take(self, token: str) -> T | None:
        """Return the value as `look` does; the token is worth nothing afterwards."""
        value = self.look(token)
        self._known.pop(_digest(token), None)
        return value


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
