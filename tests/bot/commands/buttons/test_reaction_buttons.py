"""Reactions under a grid do what its buttons do, by the same rules, and each counts once."""

from __future__ import annotations

import discord
import pytest

from bot.domain.model import Verb
from tests.bot.court import Court

FOX = "a red fox"


async def grid(court: Court) -> discord.Message:
    await court.imagine(court.ada, FOX)
    return court.messages[-1]


def private(actor) -> list[str]:
    channel = actor.user.dm_channel
    return [message.content for message in channel.history()] if channel else []


async def test_numbers_show_letters_vary_and_the_arrows_draw_again(court: Court) -> None:
    message = await grid(court)
    await court.bo.react(message, "2️⃣")
    shown = court.messages[-1]
    assert shown.id != message.id and "Picture 2" in (shown.attachments[0].description or "")
    assert f"<@{court.bo.id}>" in shown.content

    await court.bo.react(message, "🇨")
    varied = await court.draw()
    assert (varied.spec.verb, varied.member_id, varied.spec.source.cell) == (Verb.VARY_STRONG, court.bo.id, 2)
    await court.bo.react(message, "🔄")
    again = await court.draw()
    assert (again.spec.verb, again.spec.options.prompt) == (Verb.REROLL, FOX)
    assert [len(message.attachments) for message in court.messages] == [1, 1, 1, 1]


async def test_a_shown_picture_can_be_upscaled_from_there(court: Court) -> None:
    message = await grid(court)
    await court.bo.react(message, "1️⃣")
    await court.bo.click(court.messages[-1], label="Upscale (subtle)")
    assert (await court.draw()).spec.verb is Verb.UPSCALE_SUBTLE


async def test_one_reaction_counts_once_whatever_is_done_with_it(court: Court) -> None:
    await court.say(court.mo, "quota set", window="day", amount=40.0)
    message = await grid(court)
    for emoji in ("1️⃣", "🇦", "🔄"):
        for _ in range(3):
            await court.bo.react(message, emoji)
            await court.bo.unreact(message, emoji)
        if emoji != "1️⃣":
            await court.draw()
    assert len(court.messages) == 4 and not await court.jobs.active()
    await court.restart()
    await court.bo.react(court.message(message.id), "🇦")
    assert not await court.jobs.active()
    assert "8 of 40 pictures" in await court.say(court.bo, "info me")


async def test_bots_and_other_messages_start_nothing(court: Court) -> None:
    message = await grid(court)
    robot = court.guild.add_member(court.env.create_user("robot", bot=True))
    await robot.react(message, "🇦")
    await court.bo.react(message, "2️⃣")
    single = court.messages[-1]
    for emoji in ("🇦", "🔄", "1️⃣"):
        await court.bo.react(single, emoji)
    said = await court.bo.send(court.channel, "hello")
    await court.bo.react(said, "🔄")
    assert not await court.jobs.active() and len(court.messages) == 3


async def test_the_makers_consent_counts_and_is_said_privately(court: Court) -> None:
    message = await grid(court)
    await court.say(court.ada, "privacy consent", share="me")
    for emoji in ("🇦", "🔄", "1️⃣"):
        await court.bo.react(message, emoji)
    assert not await court.jobs.active() and len(court.messages) == 1
    assert len(private(court.bo)) == 1
    await court.ada.react(message, "🇦")
    assert (await court.draw()).spec.verb is Verb.VARY_STRONG


async def test_quota_and_word_rules_count_and_nothing_is_charged(court: Court) -> None:
    message = await grid(court)
    await court.say(court.mo, "quota set", window="day", amount=3.0)
    await court.bo.react(message, "🇦")
    assert "3" in private(court.bo)[0] and not await court.jobs.active()
    await court.say(court.mo, "quota set", window="day", amount=40.0)
    await court.say(court.mo, "mod words add", pattern="fox", label="no foxes")
    await court.bo.unreact(message, "🇦")
    await court.bo.react(message, "🇦")
    await court.bo.react(message, "1️⃣")
    assert not await court.jobs.active() and len(court.messages) == 1
    assert "0 of 40 pictures" in await court.say(court.bo, "info me")


async def test_a_banned_member_presses_nothing(court: Court) -> None:
    message = await grid(court)
    await court.say(court.mo, "mod ban", member=court.bo, reason="enough")
    for emoji in ("🇦", "🔄"):
        await court.bo.react(message, emoji)
    assert not await court.jobs.active() and len(court.messages) == 1


async def test_a_server_can_switch_them_off(court: Court) -> None:
    message = await grid(court)
    assert "no longer" in await court.say(court.mo, "mod reactions", enabled=False)
    for emoji in ("🇦", "🔄", "1️⃣"):
        await court.bo.react(message, emoji)
    assert not await court.jobs.active() and len(court.messages) == 1 and not private(court.bo)
    await court.bo.react(message, "✉️")
    assert len(private(court.bo)) == 1


@pytest.mark.parametrize("emoji", ["🇦", "1️⃣", "🔄"])
async def test_a_job_under_way_has_no_such_reactions(court: Court, emoji: str) -> None:
    await court.ada.slash(court.channel, "imagine", prompt=FOX)
    await court.bo.react(court.messages[-1], emoji)
    assert len(await court.jobs.active()) == 1 and not private(court.bo)


async def test_what_a_reaction_draws_is_made_in_an_open_channel(court: Court) -> None:
    message = await grid(court)
    await court.bo.react(message, "🇦")
    varied = await court.draw()
    [first] = await court.jobs.recent(court.ada.id, 1)
    assert varied.reply.open_channel_id == first.reply.open_channel_id == court.channel.id
