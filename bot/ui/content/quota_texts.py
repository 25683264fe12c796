"""Quotas in words: "12 of 40 pictures today, resets in 3 hours"."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from discord.utils import format_dt

from bot.domain.model import Member, Place
from bot.domain.moderation.services import QuotaService
from bot.domain.quotas.quota import Limit, Scope, Use
from bot.domain.quotas.windows import Window

NOW: Mapping[Window, str] = MappingProxyType(
    {Window.HOUR: "this hour", Window.DAY: "today", Window.WEEK: "this week", Window.MONTH: "this month"}
)


def use_line(use: Use) -> str:
    """One limit and what is used of it."""
    pool = " of this channel's pool" if use.scope is Scope.CHANNEL else ""
    what = f"{use.unit} {NOW[use.window]}{pool}"
    if use.limit is None:
        return f"{use.used:.12g} {what}, without limit"
    return f"{use.used:.12g} of {use.limit:.12g} {what}, resets {format_dt(use.resets_at, 'R')}"


def limit_line(limit: Limit) -> str:
    """A limit and whose it is."""
    amount = "any number of" if limit.amount is None else f"{limit.amount:.12g}"
    return f"{subject(limit.scope, limit.subject_id)}: {amount} {limit.unit} each {limit.window}"


def subject(scope: Scope, subject_id: int) -> str:
    """Whom a limit is about."""
    match scope:
        case Scope.EVERYONE:
            return "everyone"
        case Scope.ROLE:
            return f"<@&{subject_id}>"
        case Scope.MEMBER:
            return f"<@{subject_id}>"
        case Scope.CHANNEL:
            return f"<#{subject_id}>, shared by all"


def usage(quotas: QuotaService, clock: Callable[[], datetime]) -> Callable[[Member, Place], Awaitable[Sequence[Use]]]:
    """What `Parts.usage` asks for: a member's limits here, and what is used of them."""

    async def uses(member: Member, place: Place) -> Sequence[Use]:
        return await quotas.uses(place.rules_id, member, place, clock())

    return uses
