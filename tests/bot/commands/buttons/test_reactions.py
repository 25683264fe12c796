from __future__ import annotations

from typing import Any

import pytest

from bot.domain.model import JobState
from tests.bot.world import World, eventually


async def grid(world: World):
    await world.ada.slash(world.channel, "imagine", prompt="a fox --seed 7")
    await world.job_service.done()
    return world.messages[-1]


async def test_a_direct_message_brings_pictures_seed_and_id(world: World) -> None:
    await world.bo.react(await grid(world), "✉️")
    [sent] = world.bo.user.dm_channel.history()
    assert len(sent.attachments) == 4 and "Seed 7" in sent.content and "job0000001" in sent.content


async def test_closed_direct_messages_are_said_in_the_channel(world: World) -> None:
    message = await grid(world)
    world.env.inject_error("POST", "/channels/*/messages", status=403, code=50007)
    await world.bo.react(message, "✉️")
    assert f"<@{world.bo.id}>" in world.messages[-1].content and "direct messages" in world.messages[-1].content


async def test_a_picture_that_is_gone_from_the_store_is_said_to_be(world: World) -> None:
    message = await grid(world)
    world.pictures.held.clear()
    await world.bo.react(message, "✉️")
    assert "not there any more" in world.messages[-1].content
    shown = await world.ada.slash(world.channel, "show", job="job0000001")
    assert shown.response is not None and shown.response.ephemeral and "not there any more" in shown.response.content


async def test_the_star_marks_and_unmarks(world: World) -> None:
    message = await grid(world)
    post = (await world.bo.click(message, label="U2")).response
    assert post is not None
    await world.bo.react(message, "⭐")
    question = world.messages[-1]
    assert "Which picture" in question.content and not await world.members.favourites(world.bo.id, 9)
    await world.restart()
    told = (await world.bo.click(question, label="All")).response
    assert told is not None and told.ephemeral and question.id not in {one.id for one in world.messages}
    await world.bo.react(post, "⭐")
    assert {ref.cell for ref in await world.members.favourites(world.bo.id, 9)} == {0, 1, 2, 3}
    await world.bo.unreact(post, "⭐")
    assert {ref.cell for ref in await world.members.favourites(world.bo.id, 9)} == {0, 2, 3}
    await world.bo.unreact(message, "⭐")
    assert not await world.members.favourites(world.bo.id, 9)


async def test_the_cross_is_for_the_owner(world: World) -> None:
    message = await grid(world)
    await world.bo.react(message, "❌")
    assert world.messages
    await world.ada.react(message, "❌")
    assert not world.messages


async def test_the_cross_stops_a_job_under_way(world: World) -> None:
    world.job_service.gate.clear()
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await eventually(lambda: "step 3" in world.messages[-1].content)
    await world.ada.react(world.messages[-1], "❌")
    assert world.jobs.jobs["job0000001"].state is JobState.CANCELLED
    await eventually(lambda: "Cancelled" in world.messages[-1].content)


async def test_other_reactions_and_other_messages_mean_nothing(world: World) -> None:
    message = await world.bo.send(world.channel, "hello")
    await world.ada.react(message, "❌")
    await world.ada.react(await grid(world), "👍")
    assert len(world.messages) == 2


async def test_a_direct_message_comes_once_in_ten_minutes(world: World) -> None:
    message = await grid(world)
    world.env.inject_error("POST", "/channels/*/messages", status=403, code=50007)
    await world.bo.react(message, "✉️")  # closed: it may be tried again at once
    for _ in range(3):
        await world.bo.unreact(message, "✉️")
        await world.bo.react(message, "✉️")
    await world.ada.react(message, "✉️")
    assert len(world.bo.user.dm_channel.history()) == 1 and len(world.ada.user.dm_channel.history()) == 1
    await world.env.advance_time(601)
    await world.bo.unreact(message, "✉️")
    await world.bo.react(message, "✉️")
    assert len(world.bo.user.dm_channel.history()) == 2


async def test_a_star_told_twice_is_asked_about_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed session may repeat what it has sent; putting the star there anew asks again."""
    message = await grid(world)
    emit = world.env.backend.emit

    def twice(event: str, *given: Any, **named: Any) -> None:
        for _ in range(2 if event == "MESSAGE_REACTION_ADD" else 1):
            emit(event, *given, **named)

    monkeypatch.setattr(world.env.backend, "emit", twice)
    await world.bo.react(message, "⭐")
    assert len(world.messages) == 2
    await world.bo.unreact(message, "⭐")
    await world.bo.react(message, "⭐")
    assert len(world.messages) == 3
