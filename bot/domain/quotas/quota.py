"""Quotas: limits of members and channels in each window, and which limit applies."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from bot.domain.model import Member, Value, Verb
from bot.domain.quotas.windows import Window
from bot.errors import BadOption

MAX_AMOUNT: Final = 1_000_000_000
DRAFTS_OF_A_PICTURE: Final = 6
"""So many drafts count as one picture: a sheet of 24 takes about the time of a grid of four."""
MAX_LIVE_JOBS: Final = 10
"""Largest number of waiting and running jobs of one member; a server may set less."""


class Unit(enum.StrEnum):
    """The unit of a limit. The ledger counts whole pictures and ms of device time."""

    PICTURES = "pictures"
    GPU_SECONDS = "GPU-seconds"

    @property
    def scale(self) -> int:
        """Number of ledger units in one unit: 1 picture, 1000 ms."""
        return 1 if self is Unit.PICTURES else 1000


class Scope(enum.StrEnum):
    """To whom a limit applies. Members share a channel's limit; the other limits apply to each member alone."""

    EVERYONE = "everyone"
    ROLE = "role"
    MEMBER = "member"
    CHANNEL = "channel"


class Limit(Value):
    """At most `amount` of `unit` in each `window`; None means unlimited."""

    scope: Scope
    subject_id: int = 0
    """Id of the role, member or channel; 0 for everyone."""
    unit: Unit
    window: Window
    amount: float | None

    @property
    def place(self) -> tuple[Scope, int, Unit, Window]:
        """The key of the limit: there is one limit for each key."""
        return self.scope, self.subject_id, self.unit, self.window

    @property
    def cap(self) -> int | None:
        """The amount in pictures or ms; None means unlimited."""
        return None if self.amount is None else round(self.amount * self.unit.scale)


class Use(Value):
    """The use of one limit, in its unit; `limit` includes what moderators granted."""

    scope: Scope
    unit: Unit
    window: Window
    used: float
    limit: float | None
    resets_at: datetime


def member_limit(limits: Iterable[Limit], unit: Unit, window: Window, member: Member) -> Limit | None:
    """Return the limit that applies to a member: their own, else the largest of their roles, else everyone's."""
    mine = [limit for limit in limits if limit.unit is unit and limit.window is window]
    for scope, subjects in ((Scope.MEMBER, {member.id}), (Scope.ROLE, set(member.role_ids)), (Scope.EVERYONE, {0})):
        found = [limit for limit in mine if limit.scope is scope and limit.subject_id in subjects]
        if found:
            return max(found, key=lambda limit: float("inf") if limit.amount is None else limit.amount)
    return None


def channel_limit(limits: Iterable[Limit], unit: Unit, window: Window, channel_id: int) -> Limit | None:
    """Return the limit of a channel, or None."""
    place = (Scope.CHANNEL, channel_id, unit, window)
    return next((limit for limit in limits if limit.place == place), None)


def with_limit(limits: Sequence[Limit], new: Limit, by: Member, *, manages_server: bool = False) -> tuple[Limit, ...]:
    """Return the limits with `new`, which replaces the limit with the same key.

    `manages_server`: whether the limit is about a member with Manage Server, or a role that gives it. Raises
    `BadOption` for an invalid amount, when the moderator `by` could then use nothing, and where somebody without
    Manage Server would limit those who have it.
    """
    if new.amount is not None:
        check_amount(new.unit, new.amount)
        if manages_server and not by.manages_server and new.subject_id != by.id:
            raise BadOption(
                f"<@{'&' if new.scope is Scope.ROLE else ''}{new.subject_id}>",
                "who has Manage Server can be limited only by a member with Manage Server",
            )
    return _for(by, limits, (*_besides(limits, new), new))


def without_limit(limits: Sequence[Limit], gone: Limit, by: Member) -> tuple[Limit, ...]:
    """Return the limits without `gone`. Raise `BadOption` when the moderator `by` could then use nothing."""
    return _for(by, limits, _besides(limits, gone))


def check_amount(unit: Unit, amount: float) -> None:
    """Raise `BadOption` for an amount below 0 or above `MAX_AMOUNT`, or a fraction of a picture."""
    if not 0 <= amount <= MAX_AMOUNT:
        raise BadOption(f"{amount:g}", f"the amount must be a number from 0 to {MAX_AMOUNT}")
    if unit is Unit.PICTURES and not amount.is_integer():
        raise BadOption(f"{amount:g}", "pictures are counted in whole numbers")


def _besides(limits: Sequence[Limit], one: Limit) -> tuple[Limit, ...]:
    return tuple(limit for limit in limits if limit.place != one.place)


def _for(by: Member, before: Sequence[Limit], after: tuple[Limit, ...]) -> tuple[Limit, ...]:
    if not _is_shut_out(before, by) and _is_shut_out(after, by):
        raise BadOption("0", "this limit would leave you nothing; first set a limit for yourself")
    return after


def _is_shut_out(limits: Sequence[Limit], member: Member) -> bool:
    found = (member_limit(limits, unit, window, member) for unit in Unit for window in Window)
    return any(limit is not None and limit.cap == 0 for limit in found)


def part_of(whole: int, step: int, steps: int) -> int:
    """Return `whole` x `step` / `steps`, rounded: 3 of 4 steps of 4 pictures count as 3 pictures."""
    return min(whole, int(whole * step / steps + 0.5)) if steps else whole


def pictures(verb: Verb, count: int) -> int:
    """Return as how many pictures `count` of a job are charged; /describe is charged none."""
    if verb is Verb.DRAFT:
        return -(-count // DRAFTS_OF_A_PICTURE)
    return 0 if verb is Verb.DESCRIBE else count
