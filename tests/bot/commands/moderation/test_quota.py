"""Quotas as moderators set them and members meet them."""

from __future__ import annotations

from typing import Any

import discord
import pytest
from simcord.backend.errors import SetupError

from bot.domain.quotas.quota import MAX_LIVE_JOBS, Limit, Scope, Unit
from bot.domain.quotas.windows import Window
from tests.bot.court import Court, said


async def test_a_limit_is_set_met_and_granted(court: Court) -> None:
    assert "everyone: 4 pictures each day" in await court.say(court.mo, "quota set", window="day", amount=4.0)
    await court.imagine(court.ada)
    refused = said(await court.ada.slash(court.channel, "imagine", prompt="an owl"))
    assert "needs 4 pictures" in refused and "4 of 4 are used" in refused and "<t:" in refused

    used = await court.say(court.ada, "info me")
    assert "4 of 4 pictures today, resets <t:" in used
    assert "4 of 4 pictures today" in await court.say(court.mo, "quota show", member=court.ada)

    await court.say(court.mo, "quota grant", member=court.ada, amount=4.0, reason="birthday")
    await court.imagine(court.ada)
    assert "8 of 8 pictures today" in await court.say(court.ada, "info me")
    assert (await court.newest()).reason == "4 pictures, day. birthday"

    await court.say(court.mo, "quota reset", member=court.ada)
    assert "0 of 8 pictures today" in await court.say(court.ada, "info me")


async def test_all_kinds_of_limits_are_listed_and_taken_away(court: Court) -> None:
    await court.say(court.mo, "quota set", window="week", amount=90.5, unit="GPU-seconds", target=court.helpers)
    await court.say(court.mo, "quota set", window="hour", unlimited=True, target=court.ada)
    await court.say(court.mo, "quota set", window="month", amount=100.0, channel=court.channel)
    await court.say(court.mo, "quota timezone", name="Europe/Berlin")
    with pytest.raises(SetupError):  # more than the host ever takes
        await court.say(court.mo, "quota jobs", most=MAX_LIVE_JOBS + 1)
    await court.say(court.mo, "quota jobs", most=2)
    listed = await court.say(court.mo, "quota list")
    for line in (
        f"<@&{court.helpers.id}>: 90.5 GPU-seconds each week", f"<@{court.ada.id}>: any number of pictures each hour",
        f"<#{court.channel.id}>, shared by all: 100 pictures each month", "Time zone: Europe/Berlin", "Jobs at once: 2",
    ):  # fmt: skip
        assert line in listed
    await court.say(court.mo, "quota set", window="month", channel=court.channel, remove=True)
    assert "shared by all" not in await court.say(court.mo, "quota list")


@pytest.mark.parametrize(
    ("command", "options", "why"),
    [
        ("quota set", {"window": "day", "amount": -1.0}, "a number from 0"),
        ("quota set", {"window": "day", "amount": 0.0}, "leave you nothing"),
        ("quota set", {"window": "day", "amount": 2.5}, "counted in whole numbers"),
        ("quota set", {"window": "day", "amount": 0.0001, "unit": "GPU-seconds"}, "leave you nothing"),
        ("quota grant", {"amount": -4.0, "member": "ada"}, "above 0"),
        ("quota grant", {"amount": 1e12, "member": "ada"}, "from 0 to 1000000000"),
        ("quota grant", {"amount": 0.3, "member": "ada"}, "counted in whole numbers"),
        ("quota reset", {}, "say whose"),
        ("quota timezone", {"name": "Berlin"}, "Europe/Berlin"),
    ],
)
async def test_impossible_limits_are_refused_and_change_nothing(
    court: Court, command: str, options: dict[str, Any], why: str
) -> None:
    before = await court.rules()
    people = {"ada": court.ada}
    given = {name: people.get(value, value) if isinstance(value, str) else value for name, value in options.items()}
    assert why in await court.say(court.mo, command, **given)
    assert await court.rules() == before
    assert await court.log.newest(court.guild.id) == []


async def test_a_moderator_does_not_lose_the_limit_that_keeps_them_in(court: Court) -> None:
    await court.say(court.mo, "quota set", window="day", amount=1234567.0, target=court.mo)
    await court.say(court.mo, "quota set", window="day", amount=0.0)
    before = await court.rules()
    assert "leave you nothing" in await court.say(court.mo, "quota set", window="day", target=court.mo, remove=True)
    assert await court.rules() == before
    assert "0 of 1234567 pictures" in await court.say(court.mo, "quota show")


async def test_a_role_that_is_gone_is_refused(court: Court) -> None:
    role = court.guild.create_role("short-lived")
    guild = court.client.get_guild(court.guild.id)
    assert guild is not None
    # Deleted while the moderator was typing: the interaction still names it.
    guild._remove_role(role.id)
    assert "no such role" in await court.say(court.mo, "quota set", window="day", amount=4.0, target=role)
    assert (await court.rules()).limits == ()


async def test_members_without_the_right_are_refused_and_it_is_logged(court: Court) -> None:
    await court.allow("quota", court.ada)
    assert await court.say(court.ada, "quota set", window="day", amount=4000.0) == "This is for moderators."
    entry = await court.newest()
    assert (entry.actor_id, entry.action, entry.done) == (court.ada.id, "quota set", False)
    assert (await court.rules()).limits == ()


async def test_a_configured_role_makes_a_moderator(court: Court) -> None:
    await court.allow("quota", court.ria)
    assert await court.say(court.ria, "quota list") == "This is for moderators."
    await court.say(court.mo, "mod roles", first=court.helpers)
    assert "There are no limits" in await court.say(court.ria, "quota list")
    await court.allow("mod", court.ria)
    assert await court.say(court.ria, "mod roles", remove=True) == "This needs Manage Server."
    assert ((await court.newest()).action, (await court.newest()).done) == ("roles", False)
    assert (await court.rules()).moderator_roles == (court.helpers.id,)


async def test_limits_survive_a_restart(court: Court) -> None:
    await court.say(court.mo, "quota set", window="day", amount=4.0)
    await court.restart()
    limit = Limit(scope=Scope.EVERYONE, unit=Unit.PICTURES, window=Window.DAY, amount=4)
    assert (await court.rules()).limits == (limit,)


async def test_the_cost_stands_in_the_reply_and_on_every_picture(court: Court) -> None:
    await court.say(court.mo, "quota set", window="day", amount=40.0)
    asked = await court.ada.slash(court.channel, "imagine", prompt="a red fox")
    assert asked.response is not None
    assert "costs 4 pictures, about 1 s of computing time" in asked.response.content
    assert "cancelled after a preview, it costs the part that was drawn" in asked.response.content
    assert "then 4 of your 40 pictures today are used" in asked.response.content
    assert "GPU" not in asked.response.content, "this host may have none"
    job = await court.draw()

    post = (await court.ada.click(court.message(asked.response.id), label="U1")).response
    assert post is not None and "-# Vary, edit, zoom, pan: 4 pictures, " in post.content
    assert "upscale: 1 picture, under a second · describe: free" in post.content
    pressed = await court.ada.click(post, custom_id=f"dr:us:{job.id}:0")
    assert pressed.response is not None
    assert "costs 1 picture, " in pressed.response.content and "5 of your 40" in pressed.response.content


async def test_a_moderator_by_role_limits_nobody_with_manage_server(court: Court) -> None:
    await court.say(court.mo, "mod roles", first=court.helpers)
    await court.allow("quota", court.ria)
    heads = court.guild.create_role("heads", permissions=discord.Permissions(manage_guild=True))
    for target in (court.mo, heads):
        refused = await court.say(court.ria, "quota set", window="day", amount=0.0, target=target)
        assert "by a member with Manage Server" in refused
    assert (await court.rules()).limits == ()
    assert f"<@{court.ada.id}>: 0 pictures" in await court.say(
        court.ria, "quota set", window="day", amount=0.0, target=court.ada
    )
    assert f"<@{court.mo.id}>: 9 pictures" in await court.say(
        court.mo, "quota set", window="day", amount=9.0, target=court.mo
    )
