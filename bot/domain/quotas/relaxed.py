"""`--relax`: jobs outside of the quota, which are drawn when nobody else waits; servers may switch them off."""

from __future__ import annotations

from bot.domain.model import Member, Place
from bot.domain.moderation.guild_rules import GuildRules
from bot.domain.quotas.quota import Unit, channel_limit, member_limit
from bot.domain.quotas.windows import Window
from bot.errors import BadOption

_FLAG = "--relax"


def check_relaxed(rules: GuildRules, member: Member, place: Place) -> None:
    """Raise `BadOption` where relaxed jobs are switched off, and for whom a limit of 0 leaves nothing at all."""
    if not rules.relaxed:
        raise BadOption(_FLAG, "moderators have switched it off here; leave it out")
    channel = place.parent_channel_id or place.channel_id
    for unit in Unit:
        for window in Window:
            limits = (
                member_limit(rules.limits, unit, window, member),
                channel_limit(rules.limits, unit, window, channel),
            )
            if any(limit is not None and limit.cap == 0 for limit in limits):
                raise BadOption(_FLAG, "your limit here is 0, and that counts for relaxed jobs too")
