"""`--relax`: jobs outside of the quota, which are drawn when nobody else waits; a limit of 0 counts for them too."""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.model import Member, Place
from bot.domain.quotas.quota import Limit, Unit, channel_limit, member_limit
from bot.domain.quotas.windows import Window
from bot.errors import BadOption

_FLAG = "--relax"


def check_relaxed(limits: Iterable[Limit], member: Member, place: Place, *, is_allowed: bool) -> None:
    """Raise `BadOption` where relaxed jobs are switched off, and for whom a limit of 0 leaves nothing at all."""
    if not is_allowed:
        raise BadOption(_FLAG, "moderators have switched it off here; leave it out")
    limits, channel = tuple(limits), place.parent_channel_id or place.channel_id
    for unit in Unit:
        for window in Window:
            here = member_limit(limits, unit, window, member), channel_limit(limits, unit, window, channel)
            if any(limit is not None and limit.cap == 0 for limit in here):
                raise BadOption(_FLAG, "your limit here is 0, and that counts for relaxed jobs too")
