"""What is done once in a while: a second time within the pause is left, however often it is asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta

_REMEMBERED = 10_000


class Pauses:
    """Remembers when each thing was begun last."""

    def __init__(self, pause: timedelta) -> None:
        self._pause = pause
        self._begun: OrderedDict[Hashable, datetime] = OrderedDict()

    def begin(self, what: Hashable, now: datetime) -> bool:
        """Note that it begins; False while the pause since the last time lasts."""
        before = self._begun.get(what)
        if before is not None and now - before < self._pause:
            return False
        self._begun.pop(what, None)
        self._begun[what] = now
        while len(self._begun) > _REMEMBERED:
            self._begun.popitem(last=False)
        return True

    def undo(self, what: Hashable) -> None:
        """It came to nothing, and may be tried again at once."""
        self._begun.pop(what, None)
