from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.model import JobSpec, Member, Options, Place, Verb
from bot.domain.moderation import access
from bot.domain.moderation.access import Ban, ChannelRule, QueueState
from bot.errors import BadOption, Banned, NotAllowedHere, NotPermitted, Paused

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MODERATOR = Member(id=1, name="mod", role_ids=(7,), guild_id=5, is_moderator=True)
FRIEND = Member(id=2, name="friend", role_ids=(8,))


def spec(**more: Any) -> JobSpec:
    options = Options(prompt="a fox", steps=more.pop("steps", None))
    return JobSpec(verb=more.pop("verb", Verb.IMAGINE), options=options, seed=1, **more)


def here(*rules: ChannelRule, place: Place | None = None, model: str = "pocket", **more: Any) -> None:
    access.check_channel(rules, place or Place(guild_id=5, channel_id=10), spec(**more), model)


@pytest.mark.parametrize(("manages", "roles", "is_one"), [(True, (), True), (False, (7,), True), (False, (8,), False)])
def test_moderators_are_those_with_the_permission_or_a_role(
    manages: bool, roles: tuple[int, ...], is_one: bool
) -> None:
    assert access.moderates(manages_server=manages, role_ids=roles, moderator_roles=(7,)) is is_one


def test_others_are_refused() -> None:
    access.require_moderator(MODERATOR)
    with pytest.raises(NotPermitted):
        access.require_moderator(FRIEND)


def test_a_ban_lasts_until_its_end() -> None:
    bans = access.with_ban((), Ban(member_id=2, until=NOW + timedelta(hours=1), reason="spam"), MODERATOR, NOW)
    with pytest.raises(Banned, match="spam"):
        access.check_ban(bans, 2, NOW)
    access.check_ban(bans, 2, NOW + timedelta(hours=1))
    access.check_ban(bans, 3, NOW)
    access.check_ban(access.without_ban(bans, 2), 2, NOW)


def test_bans_that_make_no_sense_are_refused() -> None:
    with pytest.raises(BadOption, match="yourself"):
        access.with_ban((), Ban(member_id=1), MODERATOR, NOW)
    with pytest.raises(BadOption, match="past"):
        access.with_ban((), Ban(member_id=2, until=NOW), MODERATOR, NOW)


@pytest.mark.parametrize("queue_state", [QueueState.PAUSED, QueueState.DRAINING])
def test_a_paused_queue_says_why(queue_state: QueueState) -> None:
    access.check_queue_state(QueueState.OPEN, "")
    with pytest.raises(Paused, match="maintenance"):
        access.check_queue_state(queue_state, "maintenance")


@pytest.mark.parametrize(
    ("rules", "more"),
    [
        ((), {}),
        ((ChannelRule(channel_id=11, allowed=False),), {}),
        ((ChannelRule(channel_id=10, listed=True),), {}),
        ((ChannelRule(channel_id=10, models=("pocket",), max_side=512, max_steps=30),), {"width": 512, "steps": 30}),
        ((ChannelRule(channel_id=10, listed=True),), {"place": Place(channel_id=99, parent_channel_id=10)}),
        ((ChannelRule(channel_id=10, max_side=512),), {"verb": Verb.UPSCALE_SUBTLE, "width": 512, "height": 512}),
        ((ChannelRule(channel_id=10, max_side=512),), {"verb": Verb.DESCRIBE, "width": 4000, "height": 3000}),
    ],
)
def test_allowed_here(rules: tuple[ChannelRule, ...], more: dict[str, Any]) -> None:
    here(*rules, **more)


@pytest.mark.parametrize(
    ("rule", "more", "why"),
    [
        (ChannelRule(channel_id=10, allowed=False), {}, "switched off"),
        (ChannelRule(channel_id=11, listed=True), {}, "<#11>"),
        (ChannelRule(channel_id=10, models=("sdxl",)), {}, "sdxl"),
        (ChannelRule(channel_id=10, max_side=512), {"width": 256, "height": 513}, "512 pixels a side.*256x513"),
        (ChannelRule(channel_id=10, max_steps=30), {"steps": 31}, "30 steps"),
        (ChannelRule(channel_id=10, allowed=False), {"place": Place(channel_id=99, parent_channel_id=10)}, "off"),
    ],
)
def test_not_allowed_here(rule: ChannelRule, more: dict[str, Any], why: str) -> None:
    with pytest.raises(NotAllowedHere, match=why):
        here(rule, **more)


def test_a_channel_rule_replaces_the_last_and_allows_something() -> None:
    rules = access.with_channel((), ChannelRule(channel_id=10, allowed=False))
    assert access.with_channel(rules, ChannelRule(channel_id=10)) == ()
    with pytest.raises(BadOption, match="at least 1 step"):
        access.with_channel(rules, ChannelRule(channel_id=10, max_steps=0))


def test_what_needs_manage_server_is_not_for_moderators_by_role() -> None:
    access.require_manager(MODERATOR.model_copy(update={"manages_server": True}))
    with pytest.raises(NotPermitted) as caught:
        access.require_manager(MODERATOR)
    assert caught.value.required == access.MANAGER


def test_a_moderator_by_role_bans_nobody_with_manage_server() -> None:
    manager, ban = MODERATOR.model_copy(update={"manages_server": True}), Ban(member_id=2)
    with pytest.raises(BadOption, match="Manage Server"):
        access.with_ban((), ban, MODERATOR, NOW, manages_server=True)
    assert access.with_ban((), ban, manager, NOW, manages_server=True) == (ban,)


def test_nobody_lifts_their_own_ban() -> None:
    bans = (Ban(member_id=1), Ban(member_id=2))
    with pytest.raises(BadOption, match="your own"):
        access.lifted(bans, 1, MODERATOR)
    with pytest.raises(BadOption, match="not banned"):
        access.lifted(bans, 3, MODERATOR)
    assert access.lifted(bans, 2, MODERATOR) == (Ban(member_id=1),)
