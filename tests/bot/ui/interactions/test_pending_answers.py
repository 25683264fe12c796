"""Nobody is left with "thinking…", whatever happens to the process that promised an answer."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import discord
import pytest

from bot.domain.jobs.pending_answers import PendingAnswer
from bot.errors import Paused
from bot.store.database import Database
from bot.store.jobs.pending_answers import PendingAnswerStore
from bot.ui.content.error_texts import GENERIC
from bot.ui.interactions.pending_answers import INTERRUPTED
from tests.bot.world import World, eventually


@pytest.fixture
async def pending_answers(tmp_path: Path) -> AsyncIterator[PendingAnswerStore]:
    database = await Database.open(tmp_path / "darkroom.sqlite3")
    yield PendingAnswerStore(tmp_path / "promises.jsonl", database)
    await database.close()


async def taken_up(world: World) -> None:
    await world.bot.leftovers.recall()
    await world.tasks.start(world.bot.leftovers.take_up(), "take up")


def thinking(world: World) -> list[discord.Message]:
    return [message for message in world.channel.history() if message.flags.loading]


async def test_an_answer_that_was_given_is_owed_no_more(world: World, pending_answers: PendingAnswerStore) -> None:
    world.pending_answers = pending_answers
    await world.restart()
    world.job_service.accept_after_s = 1.5
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await world.job_service.done()

    assert await pending_answers.broken() == []
    await taken_up(world)
    assert INTERRUPTED not in [message.content for message in world.channel.history()]


async def test_an_impossible_answer_does_not_stay_thinking(world: World, pending_answers: PendingAnswerStore) -> None:
    world.pending_answers = pending_answers
    await world.restart()
    world.job_service.accept_after_s, world.job_service.refusal = 1.5, Paused("for a test")
    world.env.inject_error("PATCH", "/webhooks/*/*/messages/*", status=500)
    await world.ada.slash(world.channel, "imagine", prompt="a fox")
    await eventually(lambda: GENERIC in [message.content for message in world.channel.history()])
    assert thinking(world) == []
    await eventually(lambda: (world.settings.data_dir / "promises.jsonl").read_text() == "")


async def test_what_was_never_kept_does_not_hold_the_file_open(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "darkroom.sqlite3")
    path, until = tmp_path / "promises.jsonl", discord.utils.utcnow()
    pending_answers = PendingAnswerStore(path, database)
    await pending_answers.made(PendingAnswer(interaction_id=1, application_id=1, token="t", expires_at=until))
    later = until + timedelta(minutes=16)
    await pending_answers.made(PendingAnswer(interaction_id=2, application_id=1, token="t", expires_at=later))
    await pending_answers.kept(2)
    assert path.read_text() == ""
    await database.close()


async def test_a_token_that_is_over_is_let_go(world: World, pending_answers: PendingAnswerStore) -> None:
    world.pending_answers = pending_answers
    await world.restart()
    for interaction_id, until in ((1, world.now()), (2, world.now().replace(year=2100))):
        await pending_answers.made(
            PendingAnswer(interaction_id=interaction_id, application_id=1, token="t", expires_at=until)
        )

    await taken_up(world)

    assert await pending_answers.broken() == []


async def test_a_stop_waits_for_the_answers_under_way(world: World) -> None:
    words = world.bot.answer_tracker
    words.begin(1)
    waiting = asyncio.create_task(words.all_said(within_s=60.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    words.end(1)
    await waiting
    words.begin(2)
    await words.all_said(within_s=0.01)


async def test_what_was_promised_is_read_back_in_the_next_process(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "darkroom.sqlite3")
    path, until = tmp_path / "promises.jsonl", discord.utils.utcnow()
    before = PendingAnswerStore(path, database)
    for number in (1, 2):
        await before.made(PendingAnswer(interaction_id=number, application_id=1, token="t", expires_at=until))
    with path.open("a") as file:
        file.write('{"interaction_id": 3, "tok')
    await before.made(PendingAnswer(interaction_id=4, application_id=1, token="t", expires_at=until))
    await before.kept(1)

    after = PendingAnswerStore(path, database)
    assert [pending_answer.interaction_id for pending_answer in await after.broken()] == [2, 4]
    assert path.stat().st_mode & 0o077 == 0
    for number in (1, 2, 4):
        await after.kept(number)
    assert path.read_text() == ""
    await database.close()


async def test_a_crowd_is_noted_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = await Database.open(tmp_path / "darkroom.sqlite3")
    path, until = tmp_path / "promises.jsonl", discord.utils.utcnow()
    pending_answers, all_asked, really, opened = (
        PendingAnswerStore(path, database),
        threading.Event(),
        os.open,
        list[object](),
    )

    def slow(file, *how):
        if file == path:
            opened.append(file)
            all_asked.wait()
        return really(file, *how)

    monkeypatch.setattr(os, "open", slow)
    crowd = [PendingAnswer(interaction_id=n, application_id=1, token="t", expires_at=until) for n in range(40)]
    noting = asyncio.gather(*(pending_answers.made(pending_answer) for pending_answer in crowd))
    for _ in range(3):  # everybody has asked by then
        await asyncio.sleep(0)
    all_asked.set()
    await noting
    assert len(opened) <= 2, "one note that was begun already, and all the others together"
    assert [
        pending_answer.interaction_id for pending_answer in await PendingAnswerStore(path, database).broken()
    ] == list(range(40))
    await database.close()


async def test_what_is_promised_while_another_is_kept_is_not_lost(
    pending_answers: PendingAnswerStore, tmp_path: Path
) -> None:
    until = discord.utils.utcnow()
    for number in range(50):
        await pending_answers.made(PendingAnswer(interaction_id=number, application_id=1, token="t", expires_at=until))
        next_one = PendingAnswer(interaction_id=number + 1000, application_id=1, token="t", expires_at=until)
        await asyncio.gather(pending_answers.kept(number), pending_answers.made(next_one))
        assert f'"interaction_id":{number + 1000},' in (tmp_path / "promises.jsonl").read_text()
        await pending_answers.kept(number + 1000)
    assert (tmp_path / "promises.jsonl").read_text() == ""
