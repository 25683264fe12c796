"""Texts of Telephone and Exquisite corpse in each phase. No line is quoted before its chain is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.domain.games.chains import Line
from bot.domain.games.game import LEAST_PLAYERS, MOST_PLAYERS
from bot.domain.games.phases import Phase
from bot.domain.games.player import names
from bot.domain.games.telephone import Telephone
from bot.ui.content.game_texts import before, closes, ended, joined
from bot.ui.content.texts import MESSAGE_LIMIT, echo, shorten

ECHO_CHARS = 160
"""At most so much of a line is repeated."""


@dataclass(frozen=True, slots=True)
class ChainTexts:
    """The words in which one such game differs from another."""

    title: str
    line: str
    """What one turn makes: "line", "band"."""
    first: str
    """What is asked of a member in the first turn; `later`: in those after it."""
    later: str
    drawing: str
    """Said while pictures are drawn; `{}` is their number."""
    best: str
    """The question of the vote at the end."""
    rules: Callable[[Telephone], str]
    """How it is played: the beginning of a sentence that goes on with the time for a turn and the `length`."""
    length: Callable[[Telephone], str]
    """How many lines a chain has."""
    end: str
    """What happens at the end."""
    cost: str
    winner: Callable[[Telephone, int, int], str]
    """Which chain was voted best: the game, its number from 0, and how many liked it."""
    shown: str
    """The head of a chain on show; `{}` are its number and how many there are."""
    hidden: Callable[[Telephone], str] = lambda _: ""
    """Said below the lines of a chain on show that are told so far."""


def chain_page(game: Telephone, texts: ChainTexts) -> str:
    """The text of this phase, at most `MESSAGE_LIMIT` characters."""
    match game.phase:
        case Phase.LOBBY:
            return _lobby(game, texts)
        case Phase.WRITE:
            what = texts.later if game.step else texts.first
            said = f"{_head(game, texts)}\n{what}: press **My turn**. Only you see it."
            return f"{said}\n{closes(game)} · {_waits(game)}"
        case Phase.DRAW:
            return f"{_head(game, texts)}\n🎨 {texts.drawing.format(len(game.orders()))}"
        case Phase.SHOW:
            return shorten(f"{before(game)}{_shown(game, texts)}\n{closes(game, 'Goes on')}", MESSAGE_LIMIT)
        case Phase.BEST:
            voted = sum(bool(marks) for marks in game.votes.values())
            asked = f"{texts.best} Press every one you like; press again to take it back."
            return f"{asked}\n{closes(game)} · {voted} voted so far"
        case _:
            return _over(game, texts)


def line_text(line: Line) -> str:
    """What one member wrote, and why there is no picture of it."""
    who = "by me, for a sleeper" if line.author is None else f"<@{line.author}>"
    if line.is_asleep:
        return "*(asleep)*" if line.author is None else f"*(asleep)* · {who}"
    missing = f" · no picture: {line.why}" if line.why else ""
    return f"{echo(line.text, ECHO_CHARS)} · {who}{missing}" if line.text else f"*(deleted)*{missing}"


def rewritable(written: str | None) -> str:
    """What a member wrote already in this turn, as a line of its own; "" for nothing."""
    return f"\nYou wrote: {echo(written, ECHO_CHARS)}. Press to write anew." if written else ""


def _lobby(game: Telephone, texts: ChainTexts) -> str:
    turn = "a day for each turn" if game.is_slow else "a minute for each turn"
    played = f"{texts.rules(game)}: {turn}, {texts.length(game)}. {texts.end}."
    return (
        f"{texts.title} · <@{game.host.id}> opens a game. {played}\n{joined(game)}\n{closes(game, 'Starts')}\n"
        f"-# {LEAST_PLAYERS} to {MOST_PLAYERS} players. Cost: {texts.cost}."
    )


def _shown(game: Telephone, texts: ChainTexts) -> str:
    """The lines of the chain on show that are told so far."""
    lines = "\n".join(f"{number}. {line_text(line)}" for number, line in enumerate(game.told, 1))
    return f"{texts.shown.format(game.on_show + 1, len(game.chains))}\n{lines}{texts.hidden(game)}"


def _head(game: Telephone, texts: ChainTexts) -> str:
    return f"{before(game)}{texts.title}, {texts.line} {game.step + 1} of {game.last_step + 1}"


def _waits(game: Telephone) -> str:
    """Who has not written yet."""
    waiting = game.awaited
    return f"waiting for {names(waiting)}" if waiting else "all have written"


def _over(game: Telephone, texts: ChainTexts) -> str:
    head = ended(game, f"{texts.title} is over")
    if game.best is None:
        return head
    liked = sum(game.best in marked for marked in game.votes.values())
    return f"{head}\n{texts.winner(game, game.best, liked)}"
