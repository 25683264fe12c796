"""Double clicks: a button that one member presses twice within 1.5 s counts once."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

WITHIN = timedelta(seconds=1.5)
_REMEMBERED = 10_000


class DoubleClicks:
    """Remembers the newest 10,000 clicks."""

    def __init__(self) -> None:
        self._pressed: OrderedDict[tuple[int, int, str], datetime] = OrderedDict()

    def register(self, member_id: int, message_id: int, custom_id: str, now: datetime) -> bool:
        """Note a click; returns whether it repeats one of the last 1.5 s."""
        click = (member_id, message_id, custom_id)
        before = self._pressed.pop(click, None)
        self._pressed[click] = now
        while len(self._pressed) > _REMEMBERED:
            self._pressed.popitem(last=False)
        return before is not None and now - before < WITHIN
