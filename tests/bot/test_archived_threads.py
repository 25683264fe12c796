"""What is in a thread that Discord archives meanwhile goes on, and can be taken down there."""

from __future__ import annotations

import pytest

from bot.domain.games.phases import Phase
from tests.bot.archived import in_a_thread
from tests.bot.court import said
from tests.bot.game_table import Table
from tests.bot.weekly import Weekly


async def test_a_slow_game_goes_on_after_a_day(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = await in_a_thread(table, monkeypatch)
    await table.lobby("telephone", mode="slow", steps=2)
    for actor in (table.ada, table.bo, table.ria):
        hand = (await actor.click(table.board, label="My turn")).response
        assert hand is not None
        form = await actor.click(hand, label="Say what you see")
        await actor.submit_modal(form, {"prompt": f"a thing of {actor.name}"})
    thread.fall_asleep()

    await table.drawn_all(3)

    assert not thread.is_asleep and (await table.game()).phase is Phase.WRITE


async def test_a_withdrawn_picture_is_taken_from_a_show(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    await table.allow("weekly", table.mo)
    weekly = Weekly(table)
    await weekly.made(6)
    thread = await in_a_thread(table, monkeypatch)
    show = await weekly.begin()
    before = await weekly.paper(show).attachments[0].read()
    thread.fall_asleep()

    await table.say(table.ria, "privacy weekly", show=False)
    await table.counted(after_s=11)

    assert await weekly.paper(show).attachments[0].read() != before


async def test_a_result_comes_in_its_place(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = await in_a_thread(table, monkeypatch)
    await table.ada.slash(table.channel, "imagine", prompt="a fox")
    await table.engine.stream(0)
    thread.fall_asleep()

    job = await table.draw()

    [message] = table.messages
    assert message.attachments and message.id == job.reply.message_id


async def test_what_is_deleted_goes(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere, thread = table.channel, await in_a_thread(table, monkeypatch)
    await table.imagine(table.ada)
    thread.fall_asleep()

    answer = said(await table.ada.slash(elsewhere, "privacy delete", confirm="delete everything"))

    assert "Deleted: 1 job" in answer and not table.messages


async def test_what_is_hidden_goes(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = await in_a_thread(table, monkeypatch)
    job = await table.imagine(table.ada)
    thread.fall_asleep()
    await table.say(table.mo, "mod quarantine add", job=job.id)
    assert not table.message(job.reply.message_id or 0).attachments
