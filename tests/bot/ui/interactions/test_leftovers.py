"""What was acknowledged and not done when the process was killed is done by the next one, once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import discord
import pytest

from bot.domain.jobs.pending_answers import PendingAnswer
from bot.errors import Paused, Restarting
from bot.store.database import Database
from bot.store.jobs.pending_answers import PendingAnswerStore
from bot.ui.content.error_texts import words
from bot.ui.interactions.leftovers import MAX_TRIES, TOO_LATE
from bot.ui.interactions.pending_answers import INTERRUPTED
from tests.bot.world import World, eventually


@pytest.fixture
async def house(world: World) -> AsyncIterator[World]:
    """A world in which promises are written down."""
    database = await Database.open(world.settings.data_dir / "darkroom.sqlite3")
    world.pending_answers = PendingAnswerStore(world.settings.data_dir / "promises.jsonl", database)
    await world.restart()
    yield world
    await database.close()


def thinking(world: World) -> list[discord.Message]:
    return [message for message in world.channel.history() if message.flags.loading]


def deferred(world: World) -> int:
    callbacks = [entry.json for entry in world.env.http_requests if entry.path.endswith("/callback")]
    return sum(said["type"] == 5 for said in callbacks)


def said(world: World) -> list[str]:
    """Everything that was sent, also what only one member sees."""
    return [entry.json.get("content", "") for entry in world.env.http_requests if isinstance(entry.json, dict)]


async def left_behind(world: World) -> list[PendingAnswer]:
    assert world.pending_answers is not None
    return await world.pending_answers.unanswered()


async def killed(world: World, action: Awaitable[Any]) -> None:
    """The process ends after it has acknowledged an action and before anything comes of it; another one starts."""
    world.job_service.accept_after_s = 3600.0
    before = deferred(world)
    acting = asyncio.ensure_future(action)
    await eventually(lambda: deferred(world) > before or acting.done())
    assert deferred(world) > before
    acting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await acting
    world.job_service.accept_after_s = 0.0
    await world.restart()


async def taken_up(world: World) -> None:
    await world.bot.leftovers.recall()
    await world.bot.leftovers.take_up()
    await eventually(lambda: not thinking(world))
    await world.bot.answer_tracker.all_said(60.0)


async def test_a_command_is_done_by_the_next_process(house: World) -> None:
    await killed(house, house.ada.slash(house.channel, "imagine", prompt="a fox --seed 7", steps=9))
    await taken_up(house)
    await house.job_service.done()

    (ask,) = house.job_service.asks
    assert (ask.spec.options.prompt, ask.spec.seed, ask.spec.options.steps) == ("a fox", 7, 9)
    assert ask.member.name == "ada"
    assert len(house.messages) == 1 and "a fox" in house.messages[0].content
    assert await left_behind(house) == []


async def test_it_is_done_once_however_often_it_starts_anew(house: World) -> None:
    await killed(house, house.ada.slash(house.channel, "imagine", prompt="a fox"))
    for _ in range(3):
        await taken_up(house)
        await house.restart()
    assert len(house.job_service.asks) == 1
    assert len(house.messages) == 1


async def test_a_kill_while_it_is_taken_up_loses_nothing(house: World) -> None:
    await killed(house, house.ada.slash(house.channel, "imagine", prompt="a fox"))
    house.job_service.accept_after_s = 3600.0
    await house.bot.leftovers.recall()
    await house.bot.leftovers.take_up()
    await house.restart()
    house.job_service.accept_after_s = 0.0
    assert [pending_answer.tries for pending_answer in await left_behind(house)] == [1]

    await taken_up(house)
    assert len(house.job_service.asks) == 1
    assert await left_behind(house) == []


async def test_one_that_kills_every_process_is_given_up(house: World) -> None:
    await killed(house, house.ada.slash(house.channel, "imagine", prompt="a fox"))
    (pending_answer,) = await left_behind(house)
    assert house.pending_answers is not None
    await house.pending_answers.store(pending_answer.model_copy(update={"tries": MAX_TRIES}))
    await taken_up(house)
    assert house.job_service.asks == []
    assert [message.content for message in house.messages] == [INTERRUPTED]


async def test_a_refusal_is_said_as_if_it_came_now(house: World) -> None:
    await killed(house, house.ada.slash(house.channel, "imagine", prompt="a fox"))
    house.job_service.refusal = Paused("for a test")
    await taken_up(house)
    assert words(house.job_service.refusal) in said(house)
    assert house.messages == []
    assert await left_behind(house) == []


async def test_a_repeated_event_is_not_heard_beside_it(house: World) -> None:
    await killed(house, house.ada.slash(house.channel, "imagine", prompt="a fox"))
    (pending_answer,) = await left_behind(house)
    await house.bot.leftovers.recall()
    assert pending_answer.payload is not None
    house.bot._connection.parsers["INTERACTION_CREATE"]({**pending_answer.payload, "token": pending_answer.token})
    await house.bot.leftovers.take_up()
    await eventually(lambda: not thinking(house))
    assert len(house.job_service.asks) == 1


async def test_a_button_and_a_form_are_taken_up_too(house: World) -> None:
    await house.ada.slash(house.channel, "imagine", prompt="a fox")
    await house.job_service.done()
    grid = house.messages[-1]
    await killed(house, house.ada.click(grid, label="V2"))
    await taken_up(house)
    assert [ask.spec.source and ask.spec.source.cell for ask in house.job_service.asks] == [None, 1]

    await house.job_service.done()
    post = (await house.ada.click(grid, label="U1")).response
    form = await house.ada.click(post, label="Custom zoom")
    await killed(house, house.ada.submit_modal(form, {"zoom": "1.5", "prompt": "a den"}))
    await taken_up(house)
    last = house.job_service.asks[-1].spec
    assert (last.options.prompt, last.zoom) == ("a den", 1.5)
    assert await left_behind(house) == []


async def test_presses_held_up_together_are_no_double_clicks(house: World) -> None:
    await house.ada.slash(house.channel, "imagine", prompt="a fox")
    await house.job_service.done()
    grid = house.messages[-1]
    for _ in range(2):
        await killed(house, house.ada.click(grid, label="V2"))
    await taken_up(house)
    assert len(house.job_service.asks) == 3


async def test_whoever_has_left_the_server_gets_nothing(house: World) -> None:
    await killed(house, house.ada.slash(house.channel, "imagine", prompt="a fox"))
    house.guild.remove_member(house.ada)
    await taken_up(house)
    assert house.job_service.asks == []
    assert [message.content for message in house.messages] == [INTERRUPTED]
    assert await left_behind(house) == []


async def test_a_right_that_was_taken_away_counts_no_more(house: World) -> None:
    mods = house.guild.create_role("mods", permissions=discord.Permissions(manage_guild=True))
    cy = house.guild.add_member(house.env.create_user("cy"), roles=[mods])
    await killed(house, cy.slash(house.channel, "imagine", prompt="a fox"))
    house.env.backend.guilds[house.guild.id].members[cy.id].role_ids.clear()
    await killed(house, house.ada.slash(house.channel, "imagine", prompt="a hen"))
    await taken_up(house)
    members = {ask.member.name: ask.member for ask in house.job_service.asks}
    assert (members["cy"].role_ids, members["cy"].is_moderator) == ((house.guild.id,), False)
    assert members["ada"].role_ids == (house.guild.id,)


async def test_a_stop_leaves_it_to_the_next_process(house: World) -> None:
    house.job_service.accept_after_s, house.job_service.refusal = 1.5, Restarting()
    await house.ada.slash(house.channel, "imagine", prompt="a fox")
    assert len(thinking(house)) == 1
    house.job_service.accept_after_s, house.job_service.refusal = 0.0, None
    await house.restart()
    await taken_up(house)
    assert len(house.job_service.asks) == 1


async def test_after_its_token_it_is_said_in_the_channel(house: World) -> None:
    await killed(house, house.ada.slash(house.channel, "imagine", prompt="a fox"))
    await killed(house, house.bo.slash(house.channel, "imagine", prompt="a hen"))
    await house.env.advance_time(16 * 60)
    await house.bot.leftovers.recall()
    await house.bot.leftovers.take_up()
    assert house.job_service.asks == []
    assert f"<@{house.ada.id}> <@{house.bo.id}> {TOO_LATE}" in [message.content for message in house.messages]
    assert await left_behind(house) == []


async def test_what_was_noted_and_never_acknowledged_is_not_done(house: World) -> None:
    await killed(house, house.ada.slash(house.channel, "imagine", prompt="a fox"))
    (pending_answer,) = await left_behind(house)
    assert house.pending_answers is not None
    await house.pending_answers.store(pending_answer.model_copy(update={"interaction_id": 5, "token": "unknown"}))
    await taken_up(house)
    assert [ask.interaction_id for ask in house.job_service.asks] == [pending_answer.interaction_id]
    assert await left_behind(house) == []


async def test_the_token_stands_in_nothing_else(house: World) -> None:
    await killed(house, house.ada.slash(house.channel, "imagine", prompt="a fox"))
    (pending_answer,) = await left_behind(house)
    assert pending_answer.token not in str(pending_answer.payload)
    assert pending_answer.member_id == house.ada.id


async def test_a_stop_of_the_newest_stops_only_that_one(house: World) -> None:
    house.job_service.gate.clear()
    for prompt in ("a fox", "a hen"):
        await house.ada.slash(house.channel, "imagine", prompt=prompt)
    cancel, is_first = house.job_service.cancel, True

    async def slow(job_id: str, by: Any) -> Any:
        nonlocal is_first
        job = await cancel(job_id, by)
        if is_first:
            is_first = False
            await asyncio.sleep(3600.0)  # the process dies before it can say so
        return job

    house.job_service.cancel = slow
    await killed(house, house.ada.slash(house.channel, "cancel"))
    await taken_up(house)
    states = [job.state.value for job in house.jobs.jobs.values()]
    assert states.count("cancelled") == 1


async def test_what_is_left_of_many_jobs_is_begun(house: World) -> None:
    offer = await house.ada.slash(house.channel, "imagine", prompt="a {red, green, blue} fox")
    submit, begun = house.job_service.submit, 0

    async def dying(ask: Any) -> Any:
        nonlocal begun
        begun += 1
        await asyncio.sleep(3600.0 if begun == 2 else 0.0)
        return await submit(ask)

    house.job_service.submit = dying
    pressing = asyncio.ensure_future(house.ada.click(offer.response, label="Start all"))
    await eventually(lambda: begun == 2)
    pressing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await pressing
    await house.restart()
    await taken_up(house)
    await house.job_service.done()
    assert sorted(ask.index for ask in house.job_service.asks) == [0, 1, 2]
    assert len(house.messages) == 3
    assert await left_behind(house) == []
