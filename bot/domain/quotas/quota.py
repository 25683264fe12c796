"""Quotas: how much members and channels may use in each window, and which limit counts."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from bot.domain.model import Member, Value, Verb
from bot.domain.quotas.windows import Window
from bot.errors import BadOption

MAX_AMOUNT: Final = 1_000_000_000
MAX_LIVE_JOBS: Final = 10
"""How many jobs of one member wait and run at most, whatever a server allows."""


class Unit(enum.StrEnum):
    """What is counted. The ledger counts whole pictures and milliseconds."""

    PICTURES = "pictures"
    GPU_SECONDS = "GPU-seconds"

    @property
    def scale(self) -> int:
        """How many of the ledger's units make one."""
        return 1 if self is Unit.PICTURES else 1000


class Scope(enum.StrEnum):
    """Whose limit it is. A channel's is one pool that all share, the others are each member's own."""

    EVERYONE = "everyone"
    ROLE = "role"
    MEMBER = "member"
    CHANNEL = "channel"


class Limit(Value):
    """At most `amount` of `unit` in each `window`; None means without limit."""

    scope: Scope
    subject_id: int = 0
    """The role, member or channel; 0 for everyone."""
    unit: Unit
    window: Window
    amount: float | None

    @property
    def place(self) -> tuple[Scope, int, Unit, Window]:
        """What it limits: there is one limit for each place."""
        return self.scope, self.subject_id, self.unit, self.window

    @property
    def cap(self) -> int | None:
        """The amount in the ledger's units."""
        return None if self.amount is None else round(self.amount * self.unit.scale)


class Use(Value):
    """How much of a limit is used now; granted extra is part of `limit`."""

    scope: Scope
    unit: Unit
    window: Window
    used: float
    limit: float | None
    resets_at: datetime


def member_limit(limits: Iterable[Limit], unit: Unit, window: Window, member: Member) -> Limit | None:
    """The limit that counts for a member: their own, else the most generous of their roles', else everyone's."""
    mine = [limit for limit in limits if limit.unit is unit and limit.window is window]
    for scope, subjects in ((Scope.MEMBER, {member.id}), (Scope.ROLE, set(member.role_ids)), (Scope.EVERYONE, {0})):
        found = [limit for limit in mine if limit.scope is scope and limit.subject_id in subjects]
        if found:
            return max(found, key=lambda limit: float("inf") if limit.amount is None else limit.amount)
    return None


def channel_limit(limits: Iterable[Limit], unit: Unit, window: Window, channel_id: int) -> Limit | None:
    """The pool of a channel."""
    place = (Scope.CHANNEL, channel_id, unit, window)
    return next((limit for limit in limits if limit.place == place), None)


def with_limit(limits: Sequence[Limit], new: Limit, by: Member) -> tuple[Limit, ...]:
    """The limits with `new` in place of the old one there.

    Raises `BadOption` for an amount that is none, and when it would leave the moderator who sets it nothing.
    """
    if new.amount is not None:
        check_amount(new.unit, new.amount)
    return _for(by, limits, (*_besides(limits, new), new))


def without_limit(limits: Sequence[Limit], gone: Limit, by: Member) -> tuple[Limit, ...]:
    """The limits without the one in that place. Raises `BadOption` when that leaves the moderator nothing."""
    return _for(by, limits, _besides(limits, gone))


def check_amount(unit: Unit, amount: float) -> None:
    """Raises `BadOption` for what is less than nothing, more than anybody counts, or a part of a picture."""
    if not 0 <= amount <= MAX_AMOUNT:
        raise BadOption(f"{amount:g}", f"this is a number from 0 to {MAX_AMOUNT}")
    if unit is Unit.PICTURES and not amount.is_integer():
        raise BadOption(f"{amount:g}", "pictures are counted whole")


def _besides(limits: Sequence[Limit], one: Limit) -> tuple[Limit, ...]:
    return tuple(limit for limit in limits if limit.place != one.place)


def _for(by: Member, before: Sequence[Limit], after: tuple[Limit, ...]) -> tuple[Limit, ...]:
    if not _is_shut_out(before, by) and _is_shut_out(after, by):
        raise BadOption("0", "this would leave you nothing yourself; give yourself a limit of your own first")
    return after


def _is_shut_out(limits: Sequence[Limit], member: Member) -> bool:
    found = (member_limit(limits, unit, window, member) for unit in Unit for window in Window)
    return any(limit is not None and limit.cap == 0 for limit in found)


def part_of(whole: int, step: int, steps: int) -> int:
    """How many of `whole` pictures `step` of `steps` come to, to the nearest: 3 steps of 4 are 3 of 4 pictures."""
    return min(whole, int(whole * step / steps + 0.5)) if steps else whole


def pictures(verb: Verb, count: int) -> int:
    """How many pictures a job counts as: captions are none."""
    return 0 if verb is Verb.DESCRIBE else count
