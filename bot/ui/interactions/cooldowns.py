"""Cooldowns: an action that was done is not done again before its pause is over."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta

_REMEMBERED = 10_000


class Cooldowns:
    """Remembers for each action when it was last begun."""

    def __init__(self, pause: timedelta) -> None:
        self._pause = pause
        self._begun: OrderedDict[Hashable, datetime] = OrderedDict()

    def begin(self, what: Hashable, now: datetime) -> bool:
        """Note that an action begins; False, and nothing is noted, while its pause lasts."""
        before = self._begun.get(what)
        if before is not None and now - before < self._pause:
            return False
        self._begun.pop(what, None)
        self._begun[what] = now
        while len(self._begun) > _REMEMBERED:
            self._begun.popitem(last=False)
        return True

    def undo(self, what: Hashable) -> None:
        """The action failed: it may be begun again at once."""
        self._begun.pop(what, None)
