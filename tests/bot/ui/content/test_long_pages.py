"""Messages about many members with long lines: everything that matters fits into one."""

from __future__ import annotations

import pytest

from bot.commands.sets import listed
from bot.domain.games.bluff import Bluff
from bot.domain.games.bluff_turn import Turn
from bot.domain.games.captions import Caption
from bot.domain.games.game import LINE_CHARS, MOST_PLAYERS
from bot.domain.games.phases import Phase
from bot.domain.games.player import Player
from bot.domain.model import Member, Place
from bot.domain.prompting.option_sets import MAX_SETS
from bot.domain.rounds.ballots import Tally
from bot.domain.rounds.show_plan import show_of
from bot.ui.content.bluff_pages import bluff_page
from bot.ui.content.show_texts import Hung, reveal
from bot.ui.content.texts import MESSAGE_LIMIT
from tests.bot.scripted import NOON

IDS = tuple(1_000_000_000_000_000_000 + number for number in range(10))
PLACE = Place(guild_id=1, channel_id=2)
LONG = ("a *long* [line](x) " * 20)[:LINE_CHARS]


def turn(number: int) -> Turn:
    teller, *others = IDS[:MOST_PLAYERS]
    captions = (
        Caption(text=LONG, authors=(teller,), is_true=True),
        *(Caption(text=LONG, authors=(member,)) for member in others),
    )
    votes = {member: (place + 1) % len(others) + 1 for place, member in enumerate(others)}
    points = dict.fromkeys(IDS[:MOST_PLAYERS], 12)
    return Turn(number=number, teller=teller, secret=LONG, captions=captions, votes=votes, points=points)


@pytest.mark.parametrize("phase", [Phase.VOTE, Phase.REVEAL, Phase.OVER])
def test_eight_players_with_long_lines_fit_into_a_message(phase: Phase) -> None:
    players = tuple(Player(member=Member(id=member, name="x"), score=30) for member in IDS[:MOST_PLAYERS])
    game = Bluff(
        id="b", phase=phase, host=players[0].member, place=PLACE, players=players, closes_at=NOON, seed=1,
        created_at=NOON, turns=12, turn=turn(11), done=tuple(turn(number) for number in range(12)),
    )  # fmt: skip
    text = bluff_page(game)
    assert len(text) <= MESSAGE_LIMIT
    if phase is not Phase.VOTE:
        assert f"<@{IDS[MOST_PLAYERS - 1]}> 30" in text and not text.endswith("…"), "the table is there"


def test_ten_pictures_of_a_show_fit_into_a_message() -> None:
    ended = show_of(PLACE, "x", 7, NOON).model_copy(update={"slots": 10, "winner": 0, "outcome": "99 voted"})
    hung = [Hung(place, IDS[place], LONG, IDS[:4]) for place in range(10)]
    text = reveal(ended, Tally((99,) * 10, 99), hung, ((IDS[0], 60), (IDS[1], 40)), LONG)
    assert len(text) <= MESSAGE_LIMIT
    assert f"**100 points**: <@{IDS[0]}> 60" in text and text.endswith("keeps the winners.")


def test_all_sets_are_listed_however_many_and_long() -> None:
    sets = tuple((f"{number:02}_{'x_' * 14}y", LONG) for number in range(MAX_SETS))
    text = listed(sets)
    assert len(text) <= MESSAGE_LIMIT and len(text.splitlines()) == MAX_SETS and text.count("x") == 14 * MAX_SETS
