"""What games whose chains are written in turn say in each phase. Before a chain is shown, nothing here holds a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.domain.games.chains import Line
from bot.domain.games.phases import Phase
from bot.domain.games.player import names
from bot.domain.games.telephone import Telephone
from bot.ui.content.game_texts import before, closes, ended
from bot.ui.content.texts import MESSAGE_LIMIT, echo, shorten

_ECHO = 160


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
    lobby: Callable[[Telephone], str]
    shown: Callable[[Telephone], str]
    """The chain on show."""
    winner: Callable[[Telephone, int, int], str]
    """Which chain was voted best: the game, its number from 0, and how many liked it."""


def chain_page(game: Telephone, texts: ChainTexts) -> str:
    """The text of this phase, at most `MESSAGE_LIMIT` characters."""
    match game.phase:
        case Phase.LOBBY:
            return texts.lobby(game)
        case Phase.WRITE:
            what = texts.later if game.step else texts.first
            said = f"{_head(game, texts)}\n{what}: press **My turn**. Only you see it."
            return f"{said}\n{closes(game)} · {_waits(game)}"
        case Phase.DRAW:
            return f"{_head(game, texts)}\n🎨 {texts.drawing.format(len(game.orders()))}"
        case Phase.SHOW:
            return shorten(f"{before(game)}{texts.shown(game)}\n{closes(game, 'Goes on')}", MESSAGE_LIMIT)
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
    return f"{echo(line.text, _ECHO)} · {who}{missing}" if line.text else f"*(deleted)*{missing}"


def rewritable(written: str | None) -> str:
    """What a member wrote already in this turn, as a line of its own; "" for nothing."""
    return f"\nYou wrote: {echo(written, _ECHO)}. Press to write anew." if written else ""


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
