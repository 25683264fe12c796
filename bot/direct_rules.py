"""The rules outside servers, where no moderator can set them: the host does, in the configuration."""

from __future__ import annotations

import re

from bot.domain.moderation.access import Ban, QueueState
from bot.domain.moderation.guild_rules import DIRECT_MESSAGES, GuildRules, PicturePolicy
from bot.domain.moderation.word_rules import RuleKind, WordRule, with_rule
from bot.domain.quotas.quota import MAX_AMOUNT, Limit, Scope, Unit
from bot.domain.quotas.windows import Window, zone
from bot.errors import BadOption, ConfigError
from bot.settings import DirectMessageSettings

_LIMIT = re.compile(r"(\d+(?:\.\d+)?) (pictures|gpu-seconds) (?:a|an|each|per) (hour|day|week|month)", re.IGNORECASE)
_UNITS = {unit.value.lower(): unit for unit in Unit}


def direct_rules(settings: DirectMessageSettings) -> GuildRules:
    """What holds in direct messages and wherever the bot is no member. Raises `ConfigError` naming the key."""
    return GuildRules(
        guild_id=DIRECT_MESSAGES,
        timezone=_timezone(settings.timezone),
        gate=QueueState.OPEN if settings.allowed else QueueState.PAUSED,
        gate_reason="" if settings.allowed else "pictures are made on servers only",
        limits=tuple(_limit(text) for text in settings.limits),
        max_live_jobs=settings.max_live_jobs,
        words=_words(settings.words),
        meaning_margin=settings.meaning_margin,
        bans=tuple(Ban(member_id=member_id) for member_id in settings.banned),
        pictures=PicturePolicy(settings.picture_policy),
        picture_threshold=settings.picture_threshold,
        retention_days=settings.retention_days,
    )


def _timezone(name: str) -> str:
    try:
        return zone(name).key
    except BadOption as error:
        raise ConfigError("direct_messages.timezone", str(error)) from error


def _limit(text: str) -> Limit:
    found = _LIMIT.fullmatch(text.strip())
    if found is None or float(found[1]) > MAX_AMOUNT:
        form = 'write it as in "40 pictures a day" or "60 gpu-seconds an hour"'
        raise ConfigError("direct_messages.limits", f"{text!r} is no limit; {form}")
    unit, window = _UNITS[found[2].lower()], Window(found[3].lower())
    return Limit(scope=Scope.EVERYONE, unit=unit, window=window, amount=float(found[1]))


def _words(patterns: tuple[str, ...]) -> tuple[WordRule, ...]:
    rules: tuple[WordRule, ...] = ()
    try:
        for pattern in patterns:
            rules = with_rule(rules, RuleKind.WORD, pattern)
    except BadOption as error:
        raise ConfigError("direct_messages.words", str(error)) from error
    return rules
