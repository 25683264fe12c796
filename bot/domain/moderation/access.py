"""Who may do what, where: moderators, bans, pause, channel rules, and whose pictures others may vary."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime

from bot.domain.model import Job, JobSpec, Member, Place, Preferences, Value, Verb
from bot.errors import BadOption, Banned, NotAllowedHere, NotPermitted, NotYours, Paused

MODERATOR = "Manage Server or a moderator role"
MANAGER = "Manage Server"


class Gate(enum.StrEnum):
    """Whether new jobs are taken."""

    OPEN = "open"
    PAUSED = "paused"
    """Nothing new is taken."""
    DRAINING = "draining"
    """Nothing new is taken; what waits and runs is finished first."""


class Ban(Value):
    """Somebody who may not make pictures until then (None: until it is lifted)."""

    member_id: int
    until: datetime | None = None
    reason: str = ""


class ChannelRule(Value):
    """What may be made in a channel and its threads; None and () mean no limit."""

    channel_id: int
    allowed: bool = True
    listed: bool = False
    """Allowed by name: once one channel is, only such channels are."""
    models: tuple[str, ...] = ()
    max_side: int | None = None
    max_steps: int | None = None


def moderates(*, manages_server: bool, role_ids: Sequence[int], moderator_roles: Sequence[int]) -> bool:
    """Whether somebody is a moderator: by Discord's permission or by one of the configured roles."""
    return manages_server or not set(role_ids).isdisjoint(moderator_roles)


def require_moderator(member: Member) -> None:
    """Raises `NotPermitted` for everybody else."""
    if not member.is_moderator:
        raise NotPermitted(MODERATOR)


def require_manager(member: Member) -> None:
    """Raises `NotPermitted` for everybody without Manage Server, moderators by role too."""
    if not member.manages_server:
        raise NotPermitted(MANAGER)


def moderates_job(member: Member, job: Job) -> bool:
    """Whether somebody is a moderator where the job was asked for: a right is good in its own server only."""
    return member.is_moderator and member.guild_id is not None and member.guild_id == job.guild_id


def require_derivable(preferences: Preferences, job: Job, by: Member) -> None:
    """Raises `NotYours` when the owner of a result lets this member do nothing with it."""
    if by.id == job.member_id or preferences.share == "all" or moderates_job(by, job):
        return
    if preferences.share == "role" and preferences.share_role in by.role_ids:
        return
    raise NotYours(job.member_id)


def check_ban(bans: Sequence[Ban], member_id: int, now: datetime) -> None:
    """Raises `Banned` while a ban lasts."""
    for ban in bans:
        if ban.member_id == member_id and (ban.until is None or now < ban.until):
            raise Banned(ban.until, ban.reason)


def banned_now(bans: Sequence[Ban], now: datetime) -> frozenset[int]:
    """Everybody whose ban lasts."""
    return frozenset(ban.member_id for ban in bans if ban.until is None or now < ban.until)


def check_gate(gate: Gate, why: str) -> None:
    """Raises `Paused` while nothing new is taken."""
    if gate is not Gate.OPEN:
        raise Paused(why)


def check_place(rules: Sequence[ChannelRule], place: Place) -> None:
    """Raises `NotAllowedHere` for a channel in which no pictures are made."""
    here = rule_for(rules, place)
    if not here.allowed:
        raise NotAllowedHere("pictures are switched off here")
    if not here.listed and any(rule.listed for rule in rules):
        named = ", ".join(f"<#{rule.channel_id}>" for rule in rules if rule.listed)
        raise NotAllowedHere(f"pictures are made in {named}")


def check_channel(rules: Sequence[ChannelRule], place: Place, spec: JobSpec, model: str) -> None:
    """Raises `NotAllowedHere` for a channel, model, resulting size or number of steps the rules rule out."""
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


def rule_for(rules: Sequence[ChannelRule], place: Place) -> ChannelRule:
    """The rule of this channel, or of the channel its thread belongs to, or one that allows everything."""
    by_channel = {rule.channel_id: rule for rule in rules}
    found = by_channel.get(place.channel_id) or by_channel.get(place.parent_channel_id or 0)
    return found or ChannelRule(channel_id=place.channel_id)


def with_ban(
    bans: Sequence[Ban], new: Ban, by: Member, now: datetime, *, manages_server: bool = False
) -> tuple[Ban, ...]:
    """The bans that still last, with `new`; `manages_server` says so of whoever is banned.

    Raises:
        BadOption: for oneself, for a time that is over, and when a moderator by role bans who has Manage Server.
    """
    if new.member_id == by.id:
        raise BadOption(f"<@{by.id}>", "you cannot ban yourself")
    if manages_server and not by.manages_server:
        raise BadOption(f"<@{new.member_id}>", "whoever has Manage Server is banned only by somebody who has it too")
    if new.until is not None and new.until <= now:
        raise BadOption("time", "the end lies in the past")
    return (*(ban for ban in without_ban(bans, new.member_id) if ban.until is None or ban.until > now), new)


def without_ban(bans: Sequence[Ban], member_id: int) -> tuple[Ban, ...]:
    """The bans of everybody else."""
    return tuple(ban for ban in bans if ban.member_id != member_id)


def lifted(bans: Sequence[Ban], member_id: int, by: Member) -> tuple[Ban, ...]:
    """The bans without that member's. Raises `BadOption` for oneself and for somebody who is not banned."""
    if member_id == by.id:
        raise BadOption(f"<@{by.id}>", "you cannot lift your own ban; ask another moderator")
    kept = without_ban(bans, member_id)
    if kept == tuple(bans):
        raise BadOption(f"<@{member_id}>", "is not banned here")
    return kept


def with_channel(rules: Sequence[ChannelRule], new: ChannelRule) -> tuple[ChannelRule, ...]:
    """The rules with `new` for its channel. Raises `BadOption` for limits that allow nothing."""
    if (new.max_steps is not None and new.max_steps < 1) or (new.max_side is not None and new.max_side < 64):
        raise BadOption("limits", "at least 1 step and 64 pixels must be allowed; or deny the channel")
    kept = tuple(rule for rule in rules if rule.channel_id != new.channel_id)
    return kept if new == ChannelRule(channel_id=new.channel_id) else (*kept, new)
