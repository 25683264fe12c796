"""A whole game of Telephone on the simulated server: hands are private, sleepers are passed, chains are shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.games.chains import chain_of
from bot.domain.games.phases import Phase
from bot.domain.games.telephone import Telephone
from bot.domain.model import Ask, Job
from tests.bot.court import said
from tests.bot.game_table import Table

LINES = {"ada": "a quixotic xylophone", "bo": "a lonely zeppelin", "ria": "a jolly kazoo"}


@pytest.fixture
async def table(tmp_path: Path) -> AsyncIterator[Table]:
    opened = Table(tmp_path)
    await opened.start()
    yield opened
    await opened.stop()
    assert not opened.env.errors


async def now(table: Table) -> Telephone:
    game = await table.game()
    assert isinstance(game, Telephone)
    return game


async def write(table: Table, actor: Any, text: str) -> str:
    """Look at one's hand, and write below it."""
    hand = await actor.click(table.board, label="My turn")
    assert hand.response is not None and hand.response.ephemeral
    form = await actor.click(hand.response, label="Say what you see")
    return said(await actor.submit_modal(form, {"prompt": text}))


async def first_lines(table: Table, **options: Any) -> None:
    await table.lobby("telephone", **options)
    for actor in (table.ada, table.bo, table.ria):
        await write(table, actor, LINES[actor.name])
    await table.lead()
    await table.drawn_all(3)


async def everybody(table: Table, what: str) -> None:
    for actor in (table.ada, table.bo, table.ria):
        await write(table, actor, f"{what} of {actor.name}")
    await table.lead()
    await table.drawn_all(3)


async def test_a_whole_game_of_telephone(table: Table) -> None:
    await first_lines(table)
    for what in ("the second line", "the third line"):
        assert (await now(table)).phase is Phase.WRITE
        await everybody(table, what)
    shown = []
    for number in (1, 2, 3):
        assert f"Chain {number} of 3" in table.board.content and len(table.board.attachments) == 3
        shown.append(table.board.content)
        await table.press(table.bo, "Next")
        await table.lead()
    assert all(line in "\n".join(shown) for line in LINES.values())
    assert [text.count("<@") for text in shown] == [3, 3, 3]
    await table.press(table.bo, "Chain 2")
    await table.press(table.ada, "Chain 2")
    assert "1, 2" in await table.press(table.ada, "Chain 1")
    await table.lead(after_s=41.0)
    assert "**Chain 2** went wrong best (2 liked it)" in table.board.content
    (strip,) = table.board.attachments
    assert strip.filename.startswith("darkroom-game-")
    assert [message.content for message in table.messages if "<t:" in message.content] == []


async def test_a_hand_shows_the_picture_and_no_words(table: Table) -> None:
    await first_lines(table)
    for actor in (table.ada, table.bo, table.ria):
        for _ in range(2):  # a lost hand is shown again
            hand = await actor.click(table.board, label="My turn")
            (picture,) = hand.response.attachments
            text = (
                hand.response.content
                + picture.filename
                + picture.description
                + (await picture.read()).decode("latin-1")
            )
            assert hand.response.ephemeral and not [line for line in LINES.values() if line in text]
    everything = " ".join(message.content for message in table.messages)
    assert not [line for line in LINES.values() if line in everything]


async def test_nobody_meets_a_chain_twice() -> None:
    for players in range(3, 9):
        order = list(range(players))
        for step in range(players):
            assert sorted(chain_of(order, member, step) for member in order) == order
        for member in order:
            assert len({chain_of(order, member, step) for step in range(players)}) == players


async def test_who_sleeps_is_passed_and_then_out(table: Table) -> None:
    await first_lines(table)
    for number in range(2):
        for actor in (table.ada, table.bo):
            await write(table, actor, f"line {number} of {actor.name}")
        await table.lead(after_s=61.0)
        await table.drawn_all(2)
    game = await now(table)
    assert game.phase is Phase.SHOW and [player.id for player in game.active] == [table.ada.id, table.bo.id]
    slept = [line for chain in game.chains for line in chain if line.is_asleep]
    assert len(slept) == 2 and all(line.author == table.ria.id for line in slept)
    texts = [table.board.content]
    for _ in range(2):
        await table.press(table.ada, "Next")
        await table.lead()
        texts.append(table.board.content)
    assert "\n".join(texts).count("(asleep)") == 2


async def test_all_asleep_ends_it_in_words(table: Table) -> None:
    await table.lobby("telephone")
    await table.lead(after_s=61.0)
    assert "everybody fell asleep" in table.board.content
    assert await table.game_store.in_channel(table.channel.id) is None


async def test_a_slow_game_waits_a_day(table: Table) -> None:
    await table.lobby("telephone", mode="slow")
    await table.lead(after_s=3600.0)
    assert (await now(table)).phase is Phase.WRITE
    assert f"waiting for <@{table.ada.id}>" in table.board.content


async def test_a_line_of_the_step_before_comes_too_late(table: Table) -> None:
    await table.lobby("telephone")
    hand = await table.ada.click(table.board, label="My turn")
    form = await table.ada.click(hand.response, label="Say what you see")
    for actor in (table.bo, table.ria):
        await write(table, actor, LINES[actor.name])
    await table.lead(after_s=61.0)
    await table.drawn_all(3)
    assert "moved on" in said(await table.ada.submit_modal(form, {"prompt": "too late"}))


async def test_a_chain_taken_away_is_not_shown(table: Table) -> None:
    await table.allow("mod", table.mo)
    await first_lines(table, steps=2)
    await table.say(table.mo, "mod game", action="void", number=1)
    for actor in (table.ada, table.bo, table.ria):
        await write(table, actor, f"the end of {actor.name}")
    await table.lead()
    await table.drawn_all(2)
    assert "Chain 2 of 3" in table.board.content


async def test_who_deletes_everything_leaves_no_line_behind(table: Table) -> None:
    await table.lobby("telephone")
    for actor in (table.ada, table.bo):
        await write(table, actor, LINES[actor.name])
    await table.bo.slash(table.channel, "privacy delete", confirm="delete everything")
    assert LINES["bo"] not in (await now(table)).model_dump_json()
    await write(table, table.ria, LINES["ria"])
    await table.lead()
    await table.drawn_all(3)
    await table.lead(after_s=61.0)
    game = await now(table)
    assert not {line.author for chain in game.chains for line in chain} & {0, table.bo.id}


async def test_a_paused_game_shows_nothing_further(table: Table) -> None:
    await table.allow("mod", table.mo)
    await first_lines(table, steps=2)
    await everybody(table, "the end")
    assert "is paused" in await table.say(table.mo, "mod game", action="pause")
    assert "A moderator has paused this game" in await table.press(table.ada, "Next")


async def test_a_line_drawn_while_it_was_stopped_is_no_secret(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the asking and the writing down of what was asked, the host stops the game."""
    submit = table.job_service.submit
    await table.lobby("telephone")
    for actor in (table.ada, table.bo, table.ria):
        await write(table, actor, LINES[actor.name])

    async def stopped(ask: Ask) -> Job:
        job = await submit(ask)
        if game := await table.game_store.in_channel(table.channel.id):
            await table.game_store.change(game, game.stopped("whoever began it stopped it", table.now()))
        return job

    monkeypatch.setattr(table.job_service, "submit", stopped)
    await table.lead()
    await table.lead()
    made = [job for member in (table.ada, table.bo, table.ria) for job in await table.jobs.recent(member.id, 5)]
    assert made and not [job for job in made if job.spec.sealed]
