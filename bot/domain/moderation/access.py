"""Permissions: moderators, bans, the queue's state and channel rules."""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.model import Job, JobSpec, Member, Options, Place, Value, Verb
from bot.errors import BadOption, Banned, NotAllowedHere, NotPermitted, Paused

MODERATOR = "Manage Server or a moderator role"
MANAGER = "Manage Server"
CREATE_EXPRESSIONS = "Create Expressions"


class QueueState(enum.StrEnum):
    """Whether a server accepts new jobs."""

    OPEN = "open"
    PAUSED = "paused"
    """New jobs are refused."""
    DRAINING = "draining"
    """New jobs are refused; waiting and running jobs are finished."""


class Ban(Value):
    """A member who may not make pictures until `until` (None: until the ban is lifted)."""

    member_id: int
    until: datetime | None = None
    reason: str = ""


class ChannelRule(Value):
    """Limits of a channel and its threads; None and () mean no limit."""

    channel_id: int
    allowed: bool = True
    listed: bool = False
    """Allowed by name: when any channel is listed, only listed channels are allowed."""
    models: tuple[str, ...] = ()
    max_side: int | None = None
    """Longest side in pixels."""
    max_steps: int | None = None
    defaults: str = ""
    """Flags that every new prompt here has, unless it says otherwise."""


def moderates(*, manages_server: bool, role_ids: Sequence[int], moderator_roles: Sequence[int]) -> bool:
    """Whether a member is a moderator: by the permission Manage Server, or by a configured role."""
    return manages_server or not set(role_ids).isdisjoint(moderator_roles)


def require_moderator(member: Member) -> None:
    """Raise `NotPermitted` unless the member is a moderator."""
    if not member.is_moderator:
        raise NotPermitted(MODERATOR)


def require_manager(member: Member) -> None:
    """Raise `NotPermitted` unless the member has Manage Server; a moderator role is not enough."""
    if not member.manages_server:
        raise NotPermitted(MANAGER)


def moderates_job(member: Member, job: Job) -> bool:
    """Whether the member is a moderator of the server on which the job was asked for."""
    return member.is_moderator and member.guild_id is not None and member.guild_id == job.guild_id


def check_ban(bans: Sequence[Ban], member_id: int, now: datetime) -> None:
    """Raise `Banned` while a ban of the member lasts."""
    for ban in bans:
        if ban.member_id == member_id and (ban.until is None or now < ban.until):
            raise Banned(ban.until, ban.reason)


class BannedIn(Protocol):
    """Whose ballots and turns do not count."""

    async def __call__(self, guild_id: int, now: datetime, /) -> Collection[int]:
        """The ids of the members who are banned in this server now."""
        ...


def banned_now(bans: Sequence[Ban], now: datetime) -> frozenset[int]:
    """Return the ids of the members whose ban lasts."""
    return frozenset(ban.member_id for ban in bans if ban.until is None or now < ban.until)


def check_queue_state(queue_state: QueueState, why: str) -> None:
    """Raise `Paused` while new jobs are refused; `why` is the moderators' reason."""
    if queue_state is not QueueState.OPEN:
        raise Paused(why)


def check_place(rules: Sequence[ChannelRule], place: Place) -> None:
    """Raise `NotAllowedHere` for a channel in which no pictures may be made."""
    here = rule_for(rules, place)
    if not here.allowed:
        raise NotAllowedHere("pictures are switched off in this channel")
    if not here.listed and any(rule.listed for rule in rules):
        named = ", ".join(f"<#{rule.channel_id}>" for rule in rules if rule.listed)
        raise NotAllowedHere(f"pictures are made in {named}")


def check_channel(rules: Sequence[ChannelRule], place: Place, spec: JobSpec, model: str) -> None:
    """Raise `NotAllowedHere` for a channel, model, size of the result or number of steps that is not allowed."""
    check_place(rules, place)
    here = rule_for(rules, place)
    if here.models and model not in here.models:
        raise NotAllowedHere(f"the models here are {', '.join(here.models)}")
    steps = spec.options.steps
    if here.max_steps is not None and steps is not None and steps > here.max_steps:
        raise NotAllowedHere(f"at most {here.max_steps} steps")
    width, height = spec.width or 0, spec.height or 0
    if here.max_side is not None and spec.verb is not Verb.DESCRIBE and max(width, height) > here.max_side:
        raise NotAllowedHere(f"pictures may have {here.max_side} pixels a side, and this would be {width}x{height}")


def check_defaults(rule: ChannelRule, options: Options, model: str | None, *, may_relax: bool) -> None:
    """Raise `BadOption` where a channel would refuse every prompt with the flags that prompts there have by default.

    `model` is the one that the flags ask for, themselves or by their style.
    """
    if model is not None and rule.models and model not in rule.models:
        raise BadOption(f"--model {model}", f"the models here are {', '.join(rule.models)}")
    if rule.max_steps is not None and options.steps is not None and options.steps > rule.max_steps:
        raise BadOption(f"--steps {options.steps}", f"at most {rule.max_steps} steps are allowed here")
    if options.relax and not may_relax:
        raise BadOption("--relax", "it is switched off on this server; /mod relax switches it on")


def rule_for(rules: Sequence[ChannelRule], place: Place) -> ChannelRule:
    """Return the rule of the channel or of its thread's channel; without one, a rule that allows everything."""
    by_channel = {rule.channel_id: rule for rule in rules}
    found = by_channel.get(place.channel_id) or by_channel.get(place.parent_channel_id or 0)
    return found or ChannelRule(channel_id=place.channel_id)


def with_ban(
    bans: Sequence[Ban], new: Ban, by: Member, now: datetime, *, manages_server: bool = False
) -> tuple[Ban, ...]:
    """Return the bans that still last, with `new`. `manages_server`: whether the banned member has Manage Server.

    Raises:
        BadOption: the moderator bans themselves, the end is in the past, or only the banned member has Manage Server.
    """
    if new.member_id == by.id:
        raise BadOption(f"<@{by.id}>", "you cannot ban yourself")
    if manages_server and not by.manages_server:
        raise BadOption(
            f"<@{new.member_id}>", "a member with Manage Server can be banned only by a member with Manage Server"
        )
    if new.until is not None and new.until <= now:
        raise BadOption("time", "the end of the ban is in the past")
    return (*(ban for ban in without_ban(bans, new.member_id) if ban.until is None or ban.until > now), new)


def without_ban(bans: Sequence[Ban], member_id: int) -> tuple[Ban, ...]:
    """Return the bans of all other members."""
    return tuple(ban for ban in bans if ban.member_id != member_id)


def lifted(bans: Sequence[Ban], member_id: int, by: Member) -> tuple[Ban, ...]:
    """Return the bans without this member's. Raise `BadOption` for oneself, and for a member who is not banned."""
    if member_id == by.id:
        raise BadOption(f"<@{by.id}>", "you cannot lift your own ban; ask another moderator")
    kept = without_ban(bans, member_id)
    if kept == tuple(bans):
        raise BadOption(f"<@{member_id}>", "is not banned here")
    return kept


def with_channel(rules: Sequence[ChannelRule], new: ChannelRule) -> tuple[ChannelRule, ...]:
    """Return the rules with `new` for its channel. Raise `BadOption` for limits that allow nothing."""
    if (new.max_steps is not None and new.max_steps < 1) or (new.max_side is not None and new.max_side < 64):
        raise BadOption("limits", "at least 1 step and 64 pixels must be allowed; or deny the channel")
    kept = tuple(rule for rule in rules if rule.channel_id != new.channel_id)
    return kept if new == ChannelRule(channel_id=new.channel_id) else (*kept, new)
