"""`GuildRules`: everything that the moderators of one server set, with defaults for a new server."""

from __future__ import annotations

import enum
from typing import Literal

from bot.domain.model import DIRECT_MESSAGES as DIRECT_MESSAGES
from bot.domain.model import ResultForm, Value
from bot.domain.moderation.access import Ban, ChannelRule, QueueState
from bot.domain.moderation.semantic_filter import DEFAULT_MARGIN
from bot.domain.moderation.word_rules import WordRule
from bot.domain.quotas.quota import Limit


class PicturePolicy(enum.StrEnum):
    """What happens with pictures that the picture check flags."""

    OFF = "off"
    SPOILER = "spoiler"
    REVIEW = "review"
    BLOCK = "block"


class GuildRules(Value):
    """The rules of one server, stored as one JSON document; field names must not change without a migration."""

    guild_id: int
    timezone: str = "UTC"
    moderator_roles: tuple[int, ...] = ()
    gate: QueueState = QueueState.OPEN
    """Whether new jobs are accepted."""
    gate_reason: str = ""
    limits: tuple[Limit, ...] = ()
    max_live_jobs: int | None = None
    """Number of waiting and running jobs of one member; None means `MAX_LIVE_JOBS`."""
    role_weights: tuple[tuple[int, float], ...] = ()
    """Fair-share weights by role id; a member has the largest weight of their roles, else 1."""
    words: tuple[WordRule, ...] = ()
    meaning_margin: float | None = DEFAULT_MARGIN
    """Prompts closer to unsafe than to safe sentences by this cosine margin are refused; None means off."""
    bans: tuple[Ban, ...] = ()
    channels: tuple[ChannelRule, ...] = ()
    pictures: PicturePolicy = PicturePolicy.BLOCK
    pictures_age_restricted: PicturePolicy = PicturePolicy.OFF
    """The policy in age-restricted channels."""
    picture_threshold: float = 0.8
    """Score of the picture check (0 to 1) from which a picture is flagged."""
    review_channel_id: int | None = None
    share: Literal["all", "ask", "me"] = "all"
    """Who may make something of the pictures of a member who said nothing about that."""
    retention_days: int | None = None
    """Days after which results are deleted; None keeps them."""
    relaxed: bool = True
    """Whether `--relax` is allowed: jobs outside of the quota, which are drawn when nobody else waits."""
    reaction_buttons: bool = True
    """Whether 1️⃣-4️⃣, 🇦-🇩 and 🔄 as reactions press the buttons of a grid."""
    results: ResultForm | None = None
    """How the results of members who said nothing are shown; None: as the host says."""
