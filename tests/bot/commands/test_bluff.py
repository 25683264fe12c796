"""A whole game of Bluff on the simulated server, and everything that could tell its secret too early."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from bot.commands.buttons.reactions import MEANT
from bot.domain.games.bluff import Bluff
from bot.domain.games.phases import Phase
from bot.errors import GameOver
from tests.bot.game_table import Table
from tests.bot.leaks import asked, everything
from tests.bot.walk import COMMANDS, Walker, told
from tests.patience import PATIENCE_S

SECRET = "a quixotic xylophone beneath a zeppelin"
RAREST = ("quixotic", "xylophone", "zeppelin")


async def to_fakes(table: Table, **options: Any) -> None:
    """From nothing to a picture whose secret only ada knows."""
    await table.lobby(**options)
    assert SECRET in await table.write(table.ada, "Write the secret", SECRET)
    await table.drawn_all()
    assert (await table.game()).phase is Phase.FAKE


async def to_guesses(table: Table) -> None:
    await to_fakes(table)
    await table.write(table.bo, "Write a fake", "a drum in the sea")
    await table.write(table.ria, "Write a fake", "a trumpet on a hill")
    await table.lead()


async def test_a_whole_game_of_bluff(table: Table) -> None:
    await to_guesses(table)
    assert set(table.menu.values()) == {SECRET, "a drum in the sea", "a trumpet on a hill"}
    assert "your own" in await table.guess(table.bo, "a drum in the sea")
    assert "know the secret" in await table.guess(table.ada, "a drum in the sea")
    await table.guess(table.bo, SECRET)
    assert "1 of 2 have guessed" in table.board.content or await settled(table, "1 of 2 have guessed")
    await table.guess(table.ria, "a drum in the sea")
    await table.lead()
    shown = table.board.content
    assert f"**{SECRET}**" not in shown and SECRET in shown and f"found by <@{table.bo.id}>" in shown
    game = await table.game()
    assert isinstance(game, Bluff) and game.now_on.points == {table.ada.id: 3, table.bo.id: 4, table.ria.id: 0}
    (picture,) = table.board.attachments
    assert SECRET in (picture.description or "") and picture.filename.startswith("darkroom-")

    for teller in (table.bo, table.ria):
        await table.press(table.ria, "Next")
        await table.lead()
        await table.press(teller, "Deal me one")
        await table.drawn_all()
        await table.lead(after_s=61.0)
        await table.lead(after_s=41.0)
    await table.press(table.ria, "Next")
    await table.lead()
    assert "is over" in table.board.content and f"<@{table.bo.id}> 4" in table.board.content
    assert table.board.components == [] and table.board.attachments[0].filename.startswith("darkroom-game-")
    assert deadlines(table) == [], "a deadline that is past would count on"
    with pytest.raises(GameOver):
        await table.client.services.games.get(game.id)


def deadlines(table: Table) -> list[str]:
    return [message.content for message in table.messages if "<t:" in message.content]


async def settled(table: Table, text: str) -> bool:
    async with asyncio.timeout(PATIENCE_S):
        while text not in table.board.content:  # noqa: ASYNC110
            await asyncio.sleep(0)
    return True


async def test_the_secret_leaks_nowhere_before_its_reveal(table: Table, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        await table.lobby()
        form = await table.ada.click(table.board, label="Write the secret")
        await table.ada.submit_modal(form, {"prompt": SECRET})
        found = [await everything(table)]
        await table.lead()
        found += [await asked(table, table.ada, "while it waits"), await everything(table)]
        await table.drawn_all()
        found += [await asked(table, table.ada, "as a picture"), await everything(table)]
        await table.write(table.bo, "Write a fake", "a drum in the sea")
        for emoji in MEANT:
            await table.bo.react(table.board, emoji)
        found += [await everything(table)]
    found += [f"{record.getMessage()} {vars(record)}" for record in caplog.records if record.name.startswith("bot")]
    assert [
        line[:160] for text in found for line in text.split("\n") for word in RAREST if word in line.casefold()
    ] == []


async def test_after_the_reveal_it_is_a_picture_like_any_other(table: Table) -> None:
    await to_guesses(table)
    await table.lead(after_s=41.0)
    (job,) = await table.jobs.recent(table.ada.id, 1)
    assert job.spec.options.prompt == SECRET and not job.spec.sealed
    shown = await table.bo.slash(table.channel, "show", job=job.id)
    assert SECRET in shown.response.content


async def test_a_fake_too_near_the_truth_is_asked_for_again(table: Table) -> None:
    await to_fakes(table)
    answer = await table.write(table.bo, "Write a fake", f"{SECRET} at night")
    assert "near to the secret" in answer and "zeppelin" not in answer
    game = await table.game()
    assert isinstance(game, Bluff) and game.now_on.fakes == {}


async def test_fakes_that_say_the_same_are_one_line(table: Table) -> None:
    await to_fakes(table)
    await table.write(table.bo, "Write a fake", "a drum in the sea")
    await table.write(table.ria, "Write a fake", "a drum in the ocean")
    await table.lead()
    assert [text for text in table.menu.values() if "drum" in text] == ["a drum in the sea"]
    assert len(table.menu) == 4, "too few are left, so there are decoys"


async def test_a_silent_teller_is_skipped(table: Table) -> None:
    await table.lobby()
    await table.lead(after_s=61.0)
    await table.drawn_all()
    assert "was silent" not in table.board.content
    game = await table.game()
    assert isinstance(game, Bluff) and game.now_on.teller is None and game.phase is Phase.FAKE
    assert await table.write(table.ada, "Write a fake", "a drum in the sea")


async def test_a_restart_draws_the_secret_all_the_same(table: Table) -> None:
    await table.lobby()
    await table.write(table.ada, "Write the secret", SECRET)
    await table.lead()
    (job,) = await table.jobs.active()
    assert job.spec.options.prompt == "" and SECRET not in job.model_dump_json()
    await table.restart()
    assert (await table.engine.stream(0)).request.prompt == SECRET
    await table.drawn_all()
    await table.write(table.bo, "Write a fake", "a drum in the sea")
    await table.write(table.ria, "Write a fake", "a trumpet on a hill")
    await table.lead()
    assert SECRET in table.menu.values()


async def test_too_few_players_end_it(table: Table) -> None:
    await table.ada.slash(table.channel, "bluff")
    await table.lead()
    assert "3 are needed" in await table.press(table.ada, "Start")
    await table.lead(after_s=61.0)
    assert "too few joined" in table.board.content and table.board.components == []


async def test_an_insult_is_refused_before_anybody_sees_it(table: Table) -> None:
    await table.allow("mod", table.mo)
    await table.mo.slash(table.channel, "mod words add", pattern="drum")
    await to_fakes(table)
    assert "does not allow" in await table.write(table.bo, "Write a fake", "a drum in the sea")
    game = await table.game()
    assert isinstance(game, Bluff) and game.now_on.fakes == {}


async def test_moderators_pause_clean_and_stop(table: Table) -> None:
    await table.allow("mod", table.mo)
    await to_fakes(table)
    assert "paused" in await table.say(table.mo, "mod game", action="pause")
    assert "paused" in await table.press(table.bo, "Write a fake")
    await table.lead(after_s=600.0)
    assert (await table.game()).phase is Phase.FAKE
    await table.say(table.mo, "mod game", action="resume")
    await table.write(table.bo, "Write a fake", "a drum in the sea")
    await table.write(table.ria, "Write a fake", "a trumpet on a hill")
    await table.lead()
    number = next(int(value) + 1 for value, text in table.menu.items() if "drum" in text)
    await table.say(table.mo, "mod game", action="void", number=number, reason="rude")
    assert (await table.newest()).action == "void game" and (await table.newest()).reason == "rude"
    assert "drum in the sea" not in table.menu.values() or await gone(table)
    await table.say(table.mo, "mod game", action="stop")
    await table.lead()
    assert "a moderator stopped it" in table.board.content and f"<@{table.mo.id}>" not in table.board.content


async def gone(table: Table) -> bool:
    async with asyncio.timeout(PATIENCE_S):
        while "drum" in str(table.menu):  # noqa: ASYNC110
            await asyncio.sleep(0)
    return True


async def test_the_banned_play_no_more(table: Table) -> None:
    await table.allow("mod", table.mo)
    await to_guesses(table)
    await table.guess(table.bo, SECRET)
    await table.say(table.mo, "mod ban", member=table.bo, reason="rude")
    assert "cannot make pictures" in await table.guess(table.bo, SECRET)
    await table.lead(after_s=41.0)
    found = await table.game_store.at_message(table.board.id)
    assert isinstance(found, Bluff) and found.now_on.votes == {}


async def test_strangers_to_a_game_cannot_write(table: Table) -> None:
    await to_fakes(table)
    assert "not in this game" in await table.press(table.mo, "Write a fake")


async def test_a_channel_plays_one_game_at_a_time(table: Table) -> None:
    await table.lobby()
    answer = await table.say(table.bo, "telephone")
    assert "plays already" in answer and str(table.board.id) in answer


async def test_a_deleted_message_ends_the_game(table: Table) -> None:
    await to_fakes(table)
    place = table.client.get_channel(table.channel.id)
    await place.get_partial_message(table.board.id).delete()
    await table.env.settle()
    assert await table.game_store.in_channel(table.channel.id) is None
    await table.lead()
    assert "its message was deleted" in table.board.content


async def test_a_used_up_quota_is_said(table: Table) -> None:
    await table.allow("quota", table.mo)
    await table.imagine(table.ada)
    await table.say(table.mo, "quota set", unit="pictures", window="day", amount=4)
    await table.lobby()
    await table.write(table.ada, "Write the secret", SECRET)
    await table.lead()
    assert "the quota is used up" in table.board.content
    assert len(await table.jobs.recent(table.ada.id, 5)) == 1


async def test_what_one_wrote_can_be_taken_along_and_deleted(table: Table) -> None:
    await to_guesses(table)
    walker = Walker(table, table.bo, table.channel, "", "")
    exported = await told(await COMMANDS["privacy export"](walker))
    assert "a drum in the sea" in exported and "trumpet" not in exported and "zeppelin" not in exported
    await table.bo.slash(table.channel, "privacy delete", confirm="delete everything")
    game = await table.game()
    assert "drum" not in game.model_dump_json() and str(table.bo.id) not in {str(each.id) for each in game.players}
