"""Double clicks: the same finger on the same button twice in a moment means once."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

WITHIN = timedelta(seconds=1.5)
_REMEMBERED = 10_000


class DoubleClicks:
    """Remembers for a moment who pressed what."""

    def __init__(self) -> None:
        self._pressed: OrderedDict[tuple[int, int, str], datetime] = OrderedDict()

    def register(self, member_id: int, message_id: int, custom_id: str, now: datetime) -> bool:
        """Note a click; says whether it repeats one that is just past."""
        click = (member_id, message_id, custom_id)
        before = self._pressed.pop(click, None)
        self._pressed[click] = now
        while len(self._pressed) > _REMEMBERED:
            self._pressed.popitem(last=False)
        return before is not None and now - before < WITHIN
