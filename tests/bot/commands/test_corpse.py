"""Corpse mode of Telephone on the simulated server: who words a band sees only an edge; figures unfold band by band."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from PIL import Image

from bot.domain.games.corpse import EDGE, TRIM, Shape, stops
from bot.domain.games.phases import Phase
from bot.domain.games.telephone import Telephone
from bot.domain.model import Verb
from engine import encode_png
from engine.requests import Outpaint
from tests.bot.court import said
from tests.bot.game_table import Table
from tests.bot.leaks import asked, everything

WORDS = {"ada": "a quixotic xylophone", "bo": "a lonely zeppelin", "ria": "a jolly kazoo"}
RAREST = ("xylophone", "zeppelin", "kazoo", "ukulele")


async def now(table: Table) -> Telephone:
    game = await table.game()
    assert isinstance(game, Telephone)
    return game


async def word(table: Table, actor: Any, text: str) -> str:
    """Look at one's hand, and word the band below it."""
    hand = await actor.click(table.board, label="My turn")
    form = await actor.click(hand.response, label="Word my band")
    return said(await actor.submit_modal(form, {"prompt": text}))


async def band(table: Table, texts: Sequence[str], actors: Sequence[Any] = ()) -> None:
    """One step of everybody's, drawn."""
    for actor, text in zip(actors or (table.ada, table.bo, table.ria), texts, strict=True):
        await word(table, actor, text)
    await table.lead(after_s=0.0 if not actors else 61.0)
    await table.drawn_all(len(texts))


async def heads(table: Table, **options: Any) -> None:
    await table.lobby("telephone", **{"corpse": "tall", **options})
    await band(table, list(WORDS.values()))


async def sealed(table: Table) -> list[bool]:
    """Of the game's jobs in their order, whether they are a secret."""
    return [(await table.jobs.get(job_id)).spec.sealed for job_id in (await now(table)).pictures]


async def test_a_whole_corpse(table: Table) -> None:
    await heads(table)
    await band(table, ["the first belly", "the second belly", "the third belly"])
    await band(table, ["the first feet", "the second feet", "the third feet"])
    game = await now(table)
    assert game.phase is Phase.SHOW and [len(chain) for chain in game.chains] == [3, 3, 3]
    for number in (1, 2, 3):
        first = table.board.id
        for unfolded in (1, 2, 3):
            assert f"Figure {number} of 3" in table.board.content and table.board.id == first
            assert [line for line in (1, 2, 3) if f"\n{line}. " in table.board.content] == [1, 2, 3][:unfolded]
            assert len(table.board.attachments) == 1
            shown = 3 * (number - 1) + unfolded
            assert await sealed(table) == [False] * shown + [True] * (9 - shown)
            await table.lead(after_s=3.1 if unfolded < 3 else 8.1)
    await table.press(table.bo, "Figure 2")
    await table.lead(after_s=41.0)
    assert "**Figure 2** came out best (1 liked it)" in table.board.content
    assert all(f"<@{actor.id}>" in table.board.content for actor in (table.ada, table.bo, table.ria))
    (album,) = table.board.attachments
    assert album.filename.startswith("darkroom-game-") and album.description == "All 3 figures of the game"


@pytest.mark.parametrize("shape", list(Shape))
async def test_a_band_is_drawn_from_the_edge_and_its_words_alone(table: Table, shape: Shape) -> None:
    await heads(table, corpse=shape.value)
    await band(table, ["a belly", "another belly", "a third belly"])
    game, request = await now(table), (await table.engine.stream(3)).request
    assert isinstance(request, Outpaint) and request.prompt in ("a belly", "another belly", "a third belly")
    assert (request.reach, request.trim, request.strength) == (EDGE, TRIM, 1.0)
    assert bool(request.bottom) is (shape is Shape.TALL) and bool(request.right) is (shape is Shape.WIDE)
    for chain in game.chains:
        head, belly = [await table.jobs.get(line.job_id or "") for line in chain]
        assert belly.spec.verb is Verb.PAN and belly.parent_id == head.id
        makers = [head.member_id, belly.member_id]
        assert makers == [line.author for line in chain] and len(set(makers)) == 2


async def test_a_hand_is_an_edge_and_no_words(table: Table) -> None:
    await heads(table)
    (job_id,) = {line.job_id for line in (await now(table)).chains[2]}
    half = Image.new("RGB", (64, 64), "red")
    half.paste("blue", (0, 64 - round(64 * (TRIM + EDGE)), 64, 64))
    (cell,) = await table.jobs.cells(job_id or "")
    await table.client.services.pictures.put(cell.key, encode_png(half, {"parameters": WORDS["ria"]}))
    hand = await table.ada.click(table.board, label="My turn")
    (picture,) = hand.response.attachments
    content = await picture.read()
    seen = Image.open(io.BytesIO(content)).convert("RGB")
    colours = [colour for _, colour in seen.getcolors(2**24) or ()]
    assert not [colour for colour in colours if colour[0] > 200 and colour[1] < 50], "the red rest is seen"
    assert seen.getpixel((9, 9)) == (0, 0, 255) and seen.width == seen.height
    text = hand.response.content + picture.filename + picture.description + content.decode("latin-1")
    assert hand.response.ephemeral and not [word for word in RAREST if word in text]


async def test_the_words_leak_nowhere_before_they_unfold(table: Table, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        await heads(table, steps=2)
        found = [await asked(table, table.ada, "as a picture", (table.bo,)), await everything(table)]
        for actor in (table.ada, table.bo, table.ria):
            await word(table, actor, "an ukulele")
        await table.lead()
        found += [await asked(table, table.ada, "while it waits", (table.bo,)), await everything(table)]
    found += [f"{record.getMessage()} {vars(record)}" for record in caplog.records if record.name.startswith("bot")]
    leaks = [line[:160] for text in found for line in text.split("\n") for rare in RAREST if rare in line.casefold()]
    assert leaks == []


async def test_an_unfolded_head_does_not_tell_of_the_folded_rest(table: Table) -> None:
    await heads(table, steps=2)
    await band(table, ["an ukulele"] * 3)
    assert await sealed(table) == [False, *[True] * 5]
    assert "ukulele" not in await asked(table, table.ada, "half unfolded", (table.bo,))


async def test_who_sleeps_makes_the_figure_shorter(table: Table) -> None:
    await heads(table)
    await band(table, ["a belly", "another belly"], (table.ada, table.bo))
    await band(table, ["feet", "other feet"], (table.ada, table.bo))
    game = await now(table)
    assert game.phase is Phase.SHOW and sorted(len(stops(chain)) for chain in game.chains) == [2, 2, 3]
    texts: list[str] = []
    while (await now(table)).phase is Phase.SHOW:
        texts.append(table.board.content)
        await table.press(table.ada, "Next")
        await table.lead()
    assert len(texts) == 7 and "(asleep)" in "".join(texts)


async def test_where_the_band_before_is_gone_a_new_figure_begins(table: Table) -> None:
    await heads(table, steps=2)
    (job_id,) = {line.job_id for line in (await now(table)).chains[2]}
    (cell,) = await table.jobs.cells(job_id or "")
    await table.client.services.pictures.delete(cell.key)
    hand = await table.ada.click(table.board, label="My turn")
    assert "Nothing came to you" in hand.response.content and hand.response.attachments == []
    await band(table, ["an ukulele"] * 3)
    verbs = [(await table.jobs.get(chain[1].job_id or "")).spec.verb for chain in (await now(table)).chains]
    assert verbs == [Verb.PAN, Verb.PAN, Verb.IMAGINE]


async def test_a_figure_taken_away_is_not_unfolded(table: Table) -> None:
    await table.allow("mod", table.mo)
    await heads(table, steps=2)
    await table.say(table.mo, "mod game", action="void", number=1)
    for actor in (table.ada, table.bo, table.ria):
        await word(table, actor, f"the feet of {actor.name}")
    await table.lead()
    await table.drawn_all(2)
    assert "Figure 2 of 3" in table.board.content
    for number in (2, 3):
        await table.say(table.mo, "mod game", action="void", number=number)
    await table.lead()
    assert await table.game_store.in_channel(table.channel.id) is None


async def test_a_slow_corpse_waits_a_day(table: Table) -> None:
    await table.lobby("telephone", corpse="wide", mode="slow")
    await table.lead(after_s=3600.0)
    assert (await now(table)).phase is Phase.WRITE and f"waiting for <@{table.ada.id}>" in table.board.content
