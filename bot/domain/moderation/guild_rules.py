"""All rules of one server as one frozen value: what moderators set, with defaults that suit a new server."""

from __future__ import annotations

import enum

from bot.domain.model import DIRECT_MESSAGES as DIRECT_MESSAGES
from bot.domain.model import Value
from bot.domain.moderation.access import Ban, ChannelRule, Gate
from bot.domain.moderation.semantic_filter import DEFAULT_MARGIN
from bot.domain.moderation.word_rules import WordRule
from bot.domain.quotas.quota import Limit


class PicturePolicy(enum.StrEnum):
    """What happens with pictures that the check flags."""

    OFF = "off"
    SPOILER = "spoiler"
    REVIEW = "review"
    BLOCK = "block"


class GuildRules(Value):
    """What the moderators of a server decided."""

    guild_id: int
    timezone: str = "UTC"
    moderator_roles: tuple[int, ...] = ()
    gate: Gate = Gate.OPEN
    gate_reason: str = ""
    limits: tuple[Limit, ...] = ()
    max_live_jobs: int | None = None
    """How many jobs one member may have waiting and running; None means the host's setting."""
    role_weights: tuple[tuple[int, float], ...] = ()
    """Share of the queue by role; a member has the largest of their roles', else 1."""
    words: tuple[WordRule, ...] = ()
    meaning_margin: float | None = DEFAULT_MARGIN
    """Prompts nearer to the unsafe than to the safe sentences by this much are refused; None means off."""
    bans: tuple[Ban, ...] = ()
    channels: tuple[ChannelRule, ...] = ()
    pictures: PicturePolicy = PicturePolicy.BLOCK
    pictures_age_restricted: PicturePolicy = PicturePolicy.OFF
    """The same in channels that Discord marks as age-restricted."""
    picture_threshold: float = 0.8
    """From this score on, a picture is flagged."""
    review_channel_id: int | None = None
    retention_days: int | None = None
    """Results older than this are deleted; None keeps them."""
